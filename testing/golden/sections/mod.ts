/** All sections, in the order in which they are run and printed. */
import type { Section } from "../section.ts";
import { facts } from "./facts.ts";
import { lightning } from "./lightning.ts";
import { metrics } from "./metrics.ts";
import { ops } from "./ops.ts";

import { optim } from "./optim.ts";
import { schedulers } from "./schedulers.ts";
import { training } from "./training.ts";

/** The first section that accepts a row runs it. */
export const sections: readonly Section[] = [ops, facts, optim, schedulers, training, metrics, lightning];
