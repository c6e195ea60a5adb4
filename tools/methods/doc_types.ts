/** What `deno doc --json` says about a module, as far as tools/methods.ts reads it. */

/** A type as `deno doc` describes it: its kind, and what that kind holds. */
export type DocType =
  | { readonly kind: "keyword"; readonly value: string }
  | {
    readonly kind: "literal";
    readonly value:
      | { readonly kind: "string"; readonly string: string }
      | { readonly kind: "number"; readonly number: number }
      | { readonly kind: "boolean"; readonly boolean: boolean };
  }
  | { readonly kind: "typeRef"; readonly value: DocReference }
  | { readonly kind: "union" | "intersection" | "tuple"; readonly value: readonly DocType[] }
  | { readonly kind: "array" | "parenthesized" | "optional" | "rest"; readonly value: DocType }
  | { readonly kind: "typeOperator"; readonly value: { readonly operator: string; readonly tsType: DocType } }
  | { readonly kind: "typeLiteral"; readonly value: DocMembers }
  | {
    readonly kind: "fnOrConstructor";
    readonly value: { readonly constructor: boolean; readonly params: readonly DocParam[]; readonly tsType: DocType };
  };

/** A type named by another. */
export interface DocReference {
  readonly typeName: string;
  readonly typeParams?: readonly DocType[];
  readonly resolution: { readonly kind: string };
}

/** The members of an object type; methods are not read, and refused. */
export interface DocMembers {
  readonly properties?: readonly DocProperty[];
  readonly methods?: readonly unknown[];
  readonly callSignatures?: readonly unknown[];
  readonly indexSignatures?: readonly unknown[];
}

/** A property of an object type. */
export interface DocProperty {
  readonly name: string;
  readonly jsDoc?: JsDoc;
  readonly optional?: boolean;
  readonly readonly?: boolean;
  readonly tsType?: DocType;
}

/** A parameter of a function: a name, a pattern, or one of these with a default (`assign`). */
export interface DocParam {
  readonly kind: "identifier" | "object" | "array" | "rest" | "assign";
  readonly name?: string;
  readonly optional?: boolean;
  readonly left?: DocParam;
  readonly arg?: DocParam;
  readonly tsType?: DocType;
}

/** A parameter of a generic type. */
export interface DocTypeParam {
  readonly name: string;
  readonly constraint?: DocType;
  readonly default?: DocType;
}

/** A doc comment. */
export interface JsDoc {
  readonly doc?: string;
  readonly tags?: readonly { readonly kind: string; readonly name?: string; readonly doc?: string }[];
}

/** A function's parameters and result. */
export interface DocFunction {
  readonly params: readonly DocParam[];
  readonly returnType?: DocType;
  readonly hasBody?: boolean;
  readonly typeParams?: readonly DocTypeParam[];
}

interface Place {
  readonly filename: string;
  readonly line: number;
  readonly col: number;
}

/** One declaration of an exported name. */
export type DocDeclaration =
  & { readonly location: Place; readonly jsDoc?: JsDoc }
  & (
    | { readonly kind: "function"; readonly def: DocFunction }
    | { readonly kind: "variable"; readonly def: { readonly tsType?: DocType } }
    | {
      readonly kind: "interface";
      readonly def: DocMembers & {
        readonly extends?: readonly DocType[];
        readonly typeParams?: readonly DocTypeParam[];
      };
    }
    | {
      readonly kind: "typeAlias";
      readonly def: { readonly tsType: DocType; readonly typeParams?: readonly DocTypeParam[] };
    }
    | { readonly kind: "class" | "enum" | "namespace" | "moduleDoc" | "import" }
    /** Another name of something that is exported, too. */
    | { readonly kind: "reference"; readonly def: { readonly target: Place } }
  );

/** What a module exports, by name. */
export type DocSymbols = ReadonlyMap<string, readonly DocDeclaration[]>;

/** Asks Deno what a module exports. */
export async function documentation(module: URL): Promise<DocSymbols> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", module.pathname],
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  }).output();
  if (!success) throw new Error(`Cannot document ${module.pathname}: ${new TextDecoder().decode(stderr)}`);
  const { version, nodes } = JSON.parse(new TextDecoder().decode(stdout)) as {
    version: number;
    nodes: Record<string, { symbols: { name: string; declarations: DocDeclaration[] }[] }>;
  };
  if (version !== 2) throw new Error(`Cannot read deno doc's output: its version must be 2, got ${version}`);
  const symbols = new Map(
    Object.values(nodes).flatMap((node) => node.symbols.map(({ name, declarations }) => [name, declarations] as const)),
  );
  const at = ({ filename, line, col }: Place) => `${filename}:${line}:${col}`;
  const byPlace = new Map([...symbols.values()].map((all) => [at(all[0].location), all]));
  for (const [name, [first]] of symbols) {
    if (first.kind !== "reference") continue;
    const target = byPlace.get(at(first.def.target));
    if (target === undefined) throw new Error(`Cannot follow the name ${name}: what it stands for is not exported`);
    symbols.set(name, target);
  }
  return symbols;
}
