import type { DocDeclaration, DocMembers, DocParam, DocSymbols, DocType, DocTypeParam, JsDoc } from "./doc_types.ts";

/** Types that every TypeScript file knows. */
const BUILT_IN = new Set(["ArrayBuffer", "Array", "Exclude", "Omit", "Partial", "Pick", "Promise", "ReadonlyArray"]);

/** What the type parameters in sight stand for, as text. */
export type Bindings = ReadonlyMap<string, string>;

/**
 * Writes types as TypeScript for a file of `home`: what is declared in that folder is imported from there, everything
 * else is written out, because the file may not import it.
 */
export class Printer {
  /** Names to import, by the path they come from. */
  readonly imports: Map<string, Set<string>> = new Map();
  readonly #symbols: DocSymbols;
  readonly #home: URL;

  /**
   * @param symbols What types may be named
   * @param home The folder whose types are imported
   */
  constructor(symbols: DocSymbols, home: URL) {
    this.#symbols = symbols;
    this.#home = home;
  }

  /** A type as text. */
  type(type: DocType, bindings: Bindings): string {
    const print = (inner: DocType) => this.type(inner, bindings);
    switch (type.kind) {
      case "keyword":
        return type.value;
      case "literal":
        return type.value.kind === "string"
          ? JSON.stringify(type.value.string)
          : String(type.value.kind === "number" ? type.value.number : type.value.boolean);
      case "union":
        return type.value.map((part) => enclosed(print(part), Tightness.Union)).join(" | ");
      case "intersection":
        return type.value.map((part) => enclosed(print(part), Tightness.Intersection)).join(" & ");
      case "tuple":
        return `[${type.value.map(print).join(", ")}]`;
      case "array":
        return `${enclosed(print(type.value), Tightness.Whole)}[]`;
      case "parenthesized":
        return print(type.value); // where parentheses are needed they are written
      case "optional":
        return `${print(type.value)}?`;
      case "rest":
        return `...${print(type.value)}`;
      case "typeOperator":
        return `${type.value.operator} ${enclosed(print(type.value.tsType), Tightness.Operator)}`;
      case "typeLiteral":
        return this.#object([{ members: type.value, bindings }]);
      case "fnOrConstructor":
        return `(${this.params(type.value.params, bindings)}) => ${print(type.value.tsType)}`;
      case "typeRef":
        return this.#reference(type.value.typeName, type.value.typeParams ?? [], bindings);
    }
    throw new Error(`Cannot write a type: its kind is ${(type as { kind: string }).kind}`);
  }

  /** Parameters as text, without parentheses. */
  params(params: readonly DocParam[], bindings: Bindings): string {
    return params.map((param, at) => {
      const inner = param.left ?? param.arg ?? param;
      // A pattern has no name; it stands for the options at the end.
      const name = inner.name ?? (at === params.length - 1 ? "options" : `argument${at}`);
      const type = param.tsType ?? inner.tsType;
      if (type === undefined) throw new Error(`Cannot write the parameter ${name}: its type must be written`);
      const optional = param.kind === "assign" || inner.optional;
      return `${param.kind === "rest" ? "..." : ""}${name}${optional ? "?" : ""}: ${this.type(type, bindings)}`;
    }).join(", ");
  }

  #reference(name: string, args: readonly DocType[], bindings: Bindings): string {
    const bound = bindings.get(name);
    if (bound !== undefined) return bound;
    const declarations = this.#symbols.get(name);
    const printed = args.map((arg) => this.type(arg, bindings));
    const generic = printed.length === 0 ? "" : `<${printed.join(", ")}>`;
    if (declarations === undefined) {
      if (BUILT_IN.has(name)) return name + generic;
      throw new Error(`Cannot write the type ${name}: a type of a public function must be exported, too`);
    }
    const [{ location }] = declarations;
    if (location.filename.startsWith(this.#home.href)) {
      const path = `./${location.filename.slice(this.#home.href.length)}`;
      this.imports.set(path, (this.imports.get(path) ?? new Set()).add(name));
      return name + generic;
    }
    const alias = declarations.find((one) => one.kind === "typeAlias");
    if (alias) return this.type(alias.def.tsType, bind(alias.def.typeParams ?? [], printed, this, bindings));
    return this.#object(this.#membersOf(name, declarations, printed, bindings));
  }

  /** The members of an interface, those that it inherits first. */
  #membersOf(
    name: string,
    declarations: readonly DocDeclaration[],
    args: readonly string[],
    outer: Bindings,
  ): { members: DocMembers; bindings: Bindings }[] {
    const found = declarations.filter((one) => one.kind === "interface");
    if (found.length === 0) throw new Error(`Cannot write out the type ${name}: it must be an interface or an alias`);
    return found.flatMap(({ def }) => {
      const bindings = bind(def.typeParams ?? [], args, this, outer);
      const inherited = (def.extends ?? []).flatMap((parent) => {
        const parents = parent.kind === "typeRef" ? this.#symbols.get(parent.value.typeName) : undefined;
        if (parent.kind !== "typeRef" || parents === undefined) {
          throw new Error(`Cannot write out the type ${name}: what it extends must be exported, too`);
        }
        const given = (parent.value.typeParams ?? []).map((arg) => this.type(arg, bindings));
        return this.#membersOf(parent.value.typeName, parents, given, bindings);
      });
      return [...inherited, { members: def, bindings }];
    });
  }

  /** An object type with the members of several; of one name the last counts. */
  #object(parts: readonly { members: DocMembers; bindings: Bindings }[]): string {
    const lines = new Map<string, string>();
    for (const { members, bindings } of parts) {
      const { methods = [], callSignatures = [], indexSignatures = [] } = members;
      if (methods.length + callSignatures.length + indexSignatures.length > 0) {
        throw new Error("Cannot write out an object type: it must have properties only");
      }
      for (const { name, jsDoc, optional, readonly, tsType } of members.properties ?? []) {
        if (tsType === undefined) throw new Error(`Cannot write the property ${name}: its type must be written`);
        const type = this.type(tsType, bindings);
        const key = `${readonly ? "readonly " : ""}${name}${optional ? "?" : ""}`;
        lines.set(name, `${comment(plain(jsDoc?.doc ?? ""))}${key}: ${type};`);
      }
    }
    // With a line break behind the brace `deno fmt` keeps the members on lines of their own.
    return `{\n${[...lines.values()].join("\n")}\n}`;
  }
}

/** How tightly a type holds together beside an operator. */
enum Tightness {
  Function,
  Union,
  Intersection,
  Operator,
  Whole,
}

function tightness(text: string): Tightness {
  // What is inside brackets or comments does not matter.
  let outside = text.replace(/\/\*[^]*?\*\//g, "").replaceAll("=>", "→");
  for (let before = ""; before !== outside;) {
    before = outside;
    outside = outside.replace(/\([^()[\]{}<>]*\)|\[[^()[\]{}<>]*\]|\{[^()[\]{}<>]*\}|<[^()[\]{}<>]*>/g, "_");
  }
  if (outside.includes("→")) return Tightness.Function;
  if (outside.includes("|")) return Tightness.Union;
  if (outside.includes("&")) return Tightness.Intersection;
  return /^(readonly|keyof|unique) /.test(outside) ? Tightness.Operator : Tightness.Whole;
}

/** A type in parentheses unless it holds together as tightly as needed. */
function enclosed(text: string, needed: Tightness): string {
  return tightness(text) >= needed ? text : `(${text})`;
}

function bind(params: readonly DocTypeParam[], args: readonly string[], printer: Printer, outer: Bindings): Bindings {
  return new Map(params.map((param, at) => {
    const text = args[at] ?? (param.default && printer.type(param.default, outer));
    if (text === undefined) throw new Error(`Cannot write a type: ${param.name} is not given and has no default`);
    return [param.name, text];
  }));
}

/** A doc comment, and the line break after it; nothing for no text. */
export function comment(text: string): string {
  if (text === "") return "";
  const lines = wrapped(text);
  return lines.length === 1
    ? `/** ${lines[0]} */\n`
    : `/**\n${lines.map((line) => ` * ${line}`.trimEnd()).join("\n")}\n */\n`;
}

/** Lines that stay within the project's width where they are indented. */
function wrapped(text: string): string[] {
  return text.split("\n").flatMap((paragraph) => {
    const lines = [""];
    for (const word of paragraph.split(" ")) {
      const last = lines[lines.length - 1];
      if (last === "") lines[lines.length - 1] = word;
      else if (last.length + 1 + word.length <= 108) lines[lines.length - 1] = `${last} ${word}`;
      else lines.push(word);
    }
    return lines;
  });
}

/** Text of a doc comment on one line; what it links is not in sight in the generated file. */
function plain(text: string): string {
  return text.replace(/\{@link (\w+)\}/g, "`$1`").replaceAll(/\s+/g, " ").trim();
}

/** The first sentence of a function's comment, and what it says about the parameters given. */
export function summary(jsDoc: JsDoc | undefined, params: readonly string[]): string {
  const text = plain(jsDoc?.doc?.split("\n\n")[0] ?? "");
  // A sentence ends with a stop before a capital, and not inside brackets or code.
  const sentence = /^.*?[.!?](?=\s+[\p{Lu}`]|$)/u.exec(text)?.[0] ?? text;
  const tags = (jsDoc?.tags ?? []).flatMap(({ kind, name, doc = "" }) => {
    if (kind === "param" && name !== undefined && params.includes(name)) return [`@param ${name} ${plain(doc)}`];
    return kind === "return" ? [`@returns ${plain(doc)}`] : [];
  });
  return [sentence, ...tags.length > 0 ? ["", ...tags] : []].join("\n");
}
