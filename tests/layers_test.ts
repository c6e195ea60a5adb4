// The house rules about imports: arrows run only to the left, hosts are known only to platform/, packages are chosen.
// Deno's own parser finds the imports (Deno.lint.runPlugin), so comments, strings and odd formatting do not matter.
import { assertEquals } from "@std/assert";
import { joinPath, readText } from "../platform/mod.ts";

const root = new URL("..", import.meta.url);

/** The folders from left to right; those of one rank do not know each other. */
const RANKS: readonly (readonly string[])[] = [
  ["platform"],
  ["device"],
  ["tensor"],
  ["kernels"],
  ["ops"],
  ["autograd"],
  ["nn"],
  ["optim"],
  ["data"],
  ["metrics"],
  ["trainer"],
  ["callbacks", "loggers", "strategies"],
  ["cli"],
];

/** Folders that may import anything, and are imported by no folder of the library. */
const OUTSIDE = ["testing", "tests", "tools", "bench", "examples"];

/** Where scripts for people stand beside the library at the top. */
const SCRIPTS = ["train.ts"];

/** A worker imports the module of a data set, whose address it is told; bundles have their own worker instead. */
const LOADS_BY_ADDRESS = "data/_worker.ts";

/** The packages that may be imported, by whom, and why they are worth it. */
const PACKAGES: Record<string, { by: (path: string) => boolean; why: string }> = {
  "webgpu": { by: inFolder("platform"), why: "Dawn, the WebGPU implementation outside browsers" },
  "zod": {
    by: (path) => inFolder("trainer", "cli", "data", "callbacks", "loggers", "strategies")(path) || isScript(path),
    why: "options are validated by one schema whose errors name the option, the value and what is allowed",
  },
  "apache-arrow": {
    by: inFolder("data"),
    why: "Arrow's interprocess format, by its own makers; loaded when one is read",
  },
  "fast-png": {
    by: inFolder("data"),
    why: "PNG in plain JavaScript, for workers and every runtime; loaded when one is read",
  },
  "fflate": { by: inFolder("data"), why: "zip files, which npz is; loaded when one is read" },
  "hyparquet": { by: inFolder("data"), why: "Parquet without dependencies; loaded when one is read" },
  "hyparquet-compressors": { by: inFolder("data"), why: "what Parquet and Arrow are packed with; loaded with them" },
  "jpeg-js": {
    by: inFolder("data"),
    why: "JPEG in plain JavaScript, for workers and every runtime; loaded when one is read",
  },
  "yaml": {
    by: inFolder("cli"),
    why: "configurations are YAML; npm's usual parser, without dependencies",
  },
  "@std/cli": { by: (path) => inFolder("cli")(path) || isScript(path), why: "flags as Deno's users know them" },
  "@std/assert": { by: inFolder(), why: "assertions of tests" },
  "playwright-core": { by: inFolder(), why: "drives Chromium in the browser tests; loads no browser of its own" },
};

/** The names through which a program reaches its host. */
const HOST_GLOBALS = new Set(["Deno", "process", "navigator", "document", "window", "require", "Buffer", "__dirname"]);

const folderOf = (path: string) => path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
const rankOf = (path: string) => RANKS.findIndex((rank) => rank.includes(folderOf(path)));
const isTest = (path: string) => path.endsWith("_test.ts");
const isOutside = (path: string) => OUTSIDE.includes(folderOf(path)) || isTest(path);
const isScript = (path: string) => SCRIPTS.includes(path);

/** Whether a file stands in one of the folders; those outside the library may always. */
function inFolder(...folders: string[]): (path: string) => boolean {
  return (path) => isOutside(path) || folders.includes(folderOf(path));
}

/** What one file takes from elsewhere. */
interface Uses {
  /** Every specifier that it imports, exports from, or names in a type. */
  imports: string[];
  /** The host's globals that it names. */
  globals: string[];
}

type Node = Deno.lint.Node;

const literal = (node: Node | null | undefined): string | null =>
  node?.type === "Literal" && typeof node.value === "string" ? node.value : null;

/** The expression inside casts and parentheses. */
function bare(node: Node): Node {
  return node.type === "TSAsExpression" || node.type === "TSNonNullExpression" ? bare(node.expression) : node;
}

/** Whether an identifier only labels a member or a key, and reaches nothing by itself. */
function isLabel(node: Deno.lint.Identifier): boolean {
  const parent = node.parent as Node & { property?: Node; key?: Node; computed?: boolean; object?: Node };
  if (parent.type === "MemberExpression") {
    return parent.property === node && !parent.computed && !isGlobalThis(parent.object as Node);
  }
  if (parent.type === "TSQualifiedName") return parent.left !== node;
  if (parent.type === "ExportSpecifier") return true; // names what the file imports, declares or passes on
  if (parent.type === "Property") {
    return parent.key === node && !parent.computed && parent.parent.type === "ObjectExpression" && !parent.shorthand;
  }
  return /^(MethodDefinition|PropertyDefinition|TSPropertySignature|TSMethodSignature)$/.test(parent.type) &&
    parent.key === node && !parent.computed;
}

/**
 * Whether an identifier is where its name comes into being: an import, a variable, a parameter, a function, a class.
 */
function declares(node: Deno.lint.Identifier): boolean {
  const parent = node.parent as Node & { id?: Node | null; params?: Node[]; left?: Node };
  if (/^Import(Default|Namespace)?Specifier$/.test(parent.type)) return true;
  if (parent.type === "AssignmentPattern") return parent.left === node;
  if (parent.type === "Property" && parent.parent.type === "ObjectPattern") {
    let from = parent.parent as Node & { init?: Node | null; parent: Node };
    while (/^(Property|ObjectPattern|ArrayPattern|AssignmentPattern)$/.test(from.type)) {
      from = from.parent as typeof from;
    }
    return !(from.init && isGlobalThis(from.init)); // `const { navigator } = globalThis` reaches the host
  }
  return parent.id === node || (parent.params?.includes(node) ?? false);
}

function isGlobalThis(node: Node): boolean {
  const inner = bare(node);
  return inner.type === "Identifier" && inner.name === "globalThis";
}

/** Reads what a file takes from elsewhere out of its syntax tree. */
function usesOf(path: string, source: string): Uses {
  const uses: Uses = { imports: [], globals: [] };
  const named: string[] = [];
  const declared = new Set<string>(); // a function of its own may be called `window`
  const take = (node: Node | null | undefined) => {
    if (node) uses.imports.push(literal(node) ?? "(computed)");
  };
  Deno.lint.runPlugin(
    {
      name: "uses",
      rules: {
        uses: {
          create: () => ({
            ImportDeclaration: (node) => take(node.source),
            ExportAllDeclaration: (node) => take(node.source),
            ExportNamedDeclaration: (node) => take(node.source),
            ImportExpression: (node) => take(node.source),
            TSImportType: (node) => take((node.argument as { literal?: Node }).literal),
            TSExternalModuleReference: (node) => take(node.expression),
            Identifier: (node) => {
              if (!HOST_GLOBALS.has(node.name) || isLabel(node)) return;
              if (declares(node)) declared.add(node.name);
              else if (node.parent.type === "MemberExpression" && node.parent.property === node) {
                uses.globals.push(node.name); // of globalThis: isLabel has let it pass
              } else named.push(node.name);
            },
            MemberExpression: (node) => {
              const name = node.computed ? literal(node.property) : null;
              if (name && HOST_GLOBALS.has(name) && isGlobalThis(node.object)) uses.globals.push(name);
            },
          }),
        },
      },
    },
    path,
    source,
  );
  uses.globals.push(...named.filter((name) => !declared.has(name)));
  return uses;
}

/** The path, from the top, that a relative specifier names. */
function resolve(from: string, specifier: string): string {
  return new URL(specifier, new URL(from, "file:///")).pathname.slice(1);
}

/** The name of the package in a bare specifier: `zod` in `zod/v4`, `@std/cli` in `@std/cli/parse-args`. */
function packageOf(specifier: string): string {
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

/** Every rule that a file breaks, as lines for people. */
function violations(path: string, { imports, globals }: Uses): string[] {
  const broken: string[] = [];
  const knowsHost = inFolder("platform")(path) || isScript(path);
  for (const specifier of new Set(imports)) {
    if (specifier === "(computed)") {
      if (!isOutside(path) && path !== LOADS_BY_ADDRESS) {
        broken.push(`${path}: imports a computed specifier, which no bundler can follow`);
      }
    } else if (specifier.startsWith(".")) {
      const target = resolve(path, specifier);
      if (isOutside(path)) continue;
      if (isOutside(target) && !isScript(path)) {
        broken.push(`${path}: imports ${target}, which is not part of the library`);
      }
      const [from, to] = [rankOf(path), rankOf(target)];
      if (from < 0) continue; // modules at the top put the whole together
      if (to < 0) broken.push(`${path}: imports ${target}, which stands above all folders`);
      else if (to > from || (to === from && folderOf(path) !== folderOf(target))) {
        broken.push(`${path}: imports ${target}, and ${folderOf(path)} → ${folderOf(target)} runs to the right`);
      }
    } else if (specifier.startsWith("node:")) {
      if (!knowsHost) broken.push(`${path}: imports ${specifier}; only platform/ knows the host`);
    } else if (/^\w+:/.test(specifier)) {
      broken.push(`${path}: imports ${specifier}; packages are named in deno.json's import map`);
    } else {
      const rule = PACKAGES[packageOf(specifier)];
      if (!rule) broken.push(`${path}: imports ${specifier}, which is not among the chosen packages`);
      else if (!rule.by(path)) broken.push(`${path}: imports ${specifier} (${rule.why}), which is not for this folder`);
    }
  }
  if (!knowsHost) {
    for (const name of new Set(globals)) broken.push(`${path}: uses ${name}; only platform/ knows the host`);
  }
  return broken;
}

/** Every TypeScript file of the project, with its path from the top. */
async function sources(folder = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder || ".", root))) {
    if (name.startsWith(".") || name === "node_modules" || name === "dist") continue;
    if (isDirectory) found.push(...await sources(`${folder}${name}/`));
    else if (/\.tsx?$/.test(name)) found.push(folder + name);
  }
  return found.sort();
}

/** Projects of their own inside this one: stand-ins for packages, and the comparison with other libraries. */
const OTHER_PROJECTS = ["tools/std/", "bench/peers/"];

const library = (await sources()).filter((path) => !OTHER_PROJECTS.some((folder) => path.startsWith(folder)));

Deno.test("every folder of the library has a rank", () => {
  const folders = [...new Set(library.map(folderOf))].filter((folder) => folder !== "");
  assertEquals(folders.filter((folder) => !OUTSIDE.includes(folder) && !RANKS.flat().includes(folder)), []);
});

Deno.test("imports run only to the left, hosts are known only to platform/, packages are chosen", async () => {
  const broken: string[] = [];
  for (const path of library) {
    broken.push(...violations(path, usesOf(path, await readText(joinPath(root.pathname, path)))));
  }
  assertEquals(broken, []);
});

Deno.test("every form of import is seen, and nothing in comments and strings", () => {
  const { imports } = usesOf(
    "a.ts",
    `import a, { b } from "./1.ts"; import type { T } from './2.ts';
     import {
       c, // from "./no.ts"
     } from "./3.ts"; import "./4.ts"; import * as n from "node:fs";
     export * from "./5.ts"; export * as ns from "./6.ts"; export { k } from "./7.ts"; export type { L } from "./8.ts";
     const w = await import("./9.ts"); type U = typeof import("./10.ts"); type V = import("./11.ts").V;
     import x = require("./12.ts"); export const y = 1; const z = await import(name);
     // import "./no.ts"
     const text = 'import "./no.ts"', more = \`import "./no.ts" \${await import("./13.ts")}\`;`,
  );
  assertEquals(imports.toSorted(), [
    "(computed)",
    ...[1, 10, 11, 12, 13, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `./${n}.ts`),
    "node:fs",
  ]);
});

Deno.test("the host's names are seen where they reach the host, and not where they label something", () => {
  const seen = (source: string) => usesOf("a.ts", source).globals;
  assertEquals(seen(`Deno.env; process.exit(); const d: Deno.TestContext = x; type P = typeof process;`), [
    "Deno",
    "process",
    "Deno",
    "process",
  ]);
  assertEquals(seen(`(globalThis as X).navigator; globalThis.Deno; globalThis["process"]`), [
    "navigator",
    "Deno",
    "process",
  ]);
  assertEquals(seen(`const { document } = globalThis;`).length > 0, true);
  assertEquals(seen(`({ process })`).length > 0, true);
  assertEquals(seen(`const navigator = globalThis.navigator; navigator.gpu`), ["navigator"]);
  assertEquals(seen(`import { window } from "./window.ts"; window(x); function require() {}`), []);
  assertEquals(seen(`const { window } = spec; const { process: other = 1 } = spec; window(other)`), []);
  assertEquals(seen(`const { navigator: n } = globalThis as X;`).length > 0, true);
  assertEquals(seen(`const f = (window: number) => window + 1; function g(process = 1) { return process }`), []);
  assertEquals(seen(`export { Buffer } from "./buffer.ts";`), []);
  assertEquals(seen(`a.process; ({ process: 1 }); class C { document() {} } interface I { navigator: number }`), []);
});

Deno.test("each rule is broken by what it forbids", () => {
  const broken = (path: string, specifier: string) =>
    violations(path, { imports: [specifier], globals: [] }).length > 0;
  assertEquals(broken("tensor/a.ts", "../kernels/b.ts"), true);
  assertEquals(broken("kernels/sub/a.ts", "../../tensor/b.ts"), false);
  assertEquals(broken("kernels/sub/a.ts", "../b.ts"), false);
  assertEquals(broken("callbacks/a.ts", "../loggers/b.ts"), true);
  assertEquals(broken("nn/a.ts", "../mod.ts"), true);
  assertEquals(broken("mod.ts", "./nn/mod.ts"), false);
  assertEquals(broken("mod.ts", "./testing/gpu.ts"), true);
  assertEquals(broken("nn/a_test.ts", "../testing/gpu.ts"), false);
  assertEquals(broken("nn/a.ts", "../testing/gpu.ts"), true);
  assertEquals(broken("nn/a.ts", "../tensor/a_test.ts"), true);
  assertEquals(broken("data/a.ts", "node:fs"), true);
  assertEquals(broken("platform/a.ts", "node:fs"), false);
  assertEquals(broken("train.ts", "@std/cli/parse-args"), false);
  assertEquals(broken("nn/a.ts", "zod"), true);
  assertEquals(broken("trainer/a.ts", "zod"), false);
  assertEquals(broken("trainer/a.ts", "lodash"), true);
  assertEquals(broken("trainer/a.ts", "npm:zod@4"), true);
  assertEquals(broken("trainer/a.ts", "https://example.com/x.ts"), true);
  assertEquals(broken("trainer/a.ts", "(computed)"), true);
  assertEquals(violations("nn/a.ts", { imports: [], globals: ["Deno"] }).length, 1);
  assertEquals(violations("platform/a.ts", { imports: [], globals: ["Deno"] }).length, 0);
});
