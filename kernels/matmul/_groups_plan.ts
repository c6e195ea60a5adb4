export { lanesPlan as groupsPlan } from "./_lanes_plan.ts";
