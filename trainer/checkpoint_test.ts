import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { init, tensor } from "../mod.ts";
import { joinPath, listDir, makeDir, readFile, readText, runCommand, sha256, writeFile } from "../platform/mod.ts";
import { hostTensor } from "../tensor/host.ts";
import { encodeSafetensors } from "../tensor/safetensors.ts";
import { PhiloxStream } from "../tensor/philox.ts";
import { Child } from "../testing/child.ts";
import { inFolder } from "../testing/trainer.ts";
import {
  CHECKPOINT_VERSION,
  type CheckpointData,
  CheckpointError,
  readCheckpoint,
  writeCheckpoint,
} from "./checkpoint.ts";
import { sweep } from "./checkpoint_folder.ts";
import { packState, unpackState } from "./checkpoint_values.ts";

/** Saves one checkpoint after the other. */
const SAVES = new URL("../testing/save_checkpoints.ts", import.meta.url);

function data(n: number): CheckpointData {
  const weight = hostTensor(new Float32Array(64).fill(n), { dtype: "f32", shape: [8, 8] });
  const moment = hostTensor(new Float32Array(64).fill(-n), { dtype: "f32", shape: [8, 8] });
  return {
    version: CHECKPOINT_VERSION,
    stateDict: new Map([["weight", weight]]),
    training: { n, optimizer: { state: { 0: { moment } } } },
    hyperparameters: { module: { lr: 0.1 }, dataModule: null },
    extra: { note: "kept" },
  };
}

Deno.test("a checkpoint gives back what was saved, to the bit", async () => {
  await init();
  await inFolder(async (folder) => {
    const path = joinPath(folder, "a", "b.ckpt");
    const training = {
      numbers: [0, -0, 1 / 3, NaN, Infinity, -Infinity, 2 ** 53, 5e-324],
      text: "ä\u0000\n",
      nothing: null,
      flags: [true, false],
      map: new Map<unknown, unknown>([["a", 1], [2, { deep: [new Map()] }]]),
      sly: { $tensor: "x", $number: "NaN" },
      slyer: { $map: [[1, 2]] },
      host: hostTensor(Int32Array.of(1, -2), { dtype: "i32" }),
      device: tensor([[1.5, NaN]]),
      "a/b": hostTensor(Float32Array.of(1), { dtype: "f32" }),
      a: { b: hostTensor(Float32Array.of(2), { dtype: "f32" }) },
    };
    const stateDict = new Map([
      ["layer.weight", tensor([1, 2, 3], { dtype: "bf16" })],
      ["layer.bias", tensor([true, false])],
    ]);
    await writeCheckpoint(path, { ...data(0), stateDict, training, extra: { own: [1] } });
    const read = await readCheckpoint(path);
    const { host, device, ["a/b"]: flat, a, ...rest } = read.training as typeof training;
    const { host: _h, device: _d, ["a/b"]: _f, a: _a, ...wanted } = training;
    assertEquals(rest, wanted);
    assert(Object.is(rest.numbers[1], -0));
    assertEquals([...(host as { data: Int32Array }).data], [1, -2]);
    assertEquals([...(device as unknown as { data: Float32Array }).data], [1.5, NaN]);
    assertEquals([...(flat as { data: Float32Array }).data, ...(a.b as { data: Float32Array }).data], [1, 2]);
    assertEquals(read.extra, { own: [1] });
    assertEquals([...read.stateDict].map(([name, t]) => [name, t.dtype, [...t.shape]]), [
      ["layer.weight", "bf16", [3]],
      ["layer.bias", "bool", [2]],
    ]);
    assertEquals(await listDir(joinPath(folder, "a")), ["b.ckpt"]);
  });
});

Deno.test("several folders get the same checkpoint", async () => {
  await inFolder(async (folder) => {
    const paths = [joinPath(folder, "one"), joinPath(folder, "two")];
    await writeCheckpoint(paths, data(4));
    for (const path of paths) assertEquals((await readCheckpoint(path)).training?.n, 4);
  });
});

Deno.test("state that cannot be written is refused with its place", async () => {
  await inFolder(async (folder) => {
    const cases: [unknown, string][] = [
      [{ callbacks: { mine: { when: new Date(0) } } }, "got an object of Date at training.callbacks.mine.when"],
      [{ list: [1, () => 1] }, "got a function at training.list.1"],
      [{ big: 1n }, "got a bigint at training.big"],
    ];
    for (const [training, wanted] of cases) {
      const error = await assertRejects(
        () => writeCheckpoint(joinPath(folder, "x"), { ...data(1), training: training as Record<string, unknown> }),
        TypeError,
      );
      assertStringIncludes(error.message, wanted);
    }
    assertEquals(await listDir(folder), []);
  });
});

Deno.test("state that is not of the form is refused", () => {
  const { json } = packState({ a: [1] });
  assertEquals(unpackState(json, new Map()), { a: [1] });
  for (const json of [{ $tensor: "none" }, { $number: "1" }, { $map: [[1]] }, { $object: 3 }, { $other: 1 }]) {
    const error = (() => {
      try {
        return unpackState({ deep: [json] }, new Map());
      } catch (error) {
        return error;
      }
    })();
    assert(error instanceof TypeError, JSON.stringify(json));
  }
  const hostile = unpackState(
    JSON.parse('{"__proto__": {"polluted": 1}, "x": {"$object": [["__proto__", 2]]}}'),
    new Map(),
  );
  assert(Object.hasOwn(hostile as object, "__proto__"));
  assertEquals(({} as { polluted?: number }).polluted, undefined);
});

/** How often the test of a killed process kills one; `FULGURITE_KILLS=100` is the full form. */
const KILLS = Number(Deno.env.get("FULGURITE_KILLS") ?? 12);

Deno.test("a process that is killed while it saves leaves a whole checkpoint, never older than the last it told of", async () => {
  await inFolder(async (folder) => {
    const path = joinPath(folder, "last.ckpt"), random = new PhiloxStream(7, 0, 0);
    let told = -1, first = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const child = new Child(SAVES, path, String(first), "100000");
      await child.printed("saved");
      await new Promise((resolve) => setTimeout(resolve, random.below(60)));
      child.kill("SIGKILL");
      const { output } = await child.end();
      told = Number(/saved (\d+)\n(?!.*saved \d+\n)/s.exec(output)![1]);
      const { training, stateDict } = await readCheckpoint(path);
      const n = training!.n as number;
      assert(n === told || n === told + 1, `saved ${told}, read ${n}`);
      assert((stateDict.get("weight") as { data: Float32Array }).data.every((value) => value === n));
      first = n + 1;
    }
    assert(told >= KILLS, `only ${told} checkpoints were saved`);
    await writeCheckpoint(path, data(1));
    assertEquals(await listDir(folder), ["last.ckpt"]);
  });
});

Deno.test("a save that was cut off between its renames leaves the checkpoint before", async () => {
  await inFolder(async (folder) => {
    const path = joinPath(folder, "x");
    await writeCheckpoint(path, data(1));
    await Deno.rename(path, `${path}.previous`);
    assertEquals((await readCheckpoint(path)).training?.n, 1);
    await writeCheckpoint(path, data(2));
    assertEquals((await readCheckpoint(path)).training?.n, 2);
  });
});

Deno.test("every flipped bit is found", async () => {
  await inFolder(async (folder) => {
    const path = joinPath(folder, "x"), random = new PhiloxStream(3, 0, 0);
    await writeCheckpoint(path, data(1));
    let flipped = 0;
    for (const name of await listDir(path)) {
      const file = joinPath(path, name), sound = await readFile(file);
      for (let i = 0; i < 125; i++) {
        const bytes = sound.slice(), bit = random.below(8 * bytes.length);
        bytes[bit >> 3] ^= 1 << (bit & 7);
        await writeFile(file, bytes);
        await assertRejects(() => readCheckpoint(path), CheckpointError, undefined, `bit ${bit} of ${name}`);
        flipped++;
      }
      await writeFile(file, sound.subarray(0, sound.length >> 1));
      await assertRejects(() => readCheckpoint(path), CheckpointError, undefined, `${name} cut off`);
      await writeFile(file, sound);
    }
    assertEquals(flipped, 500);
    assertEquals((await readCheckpoint(path)).training?.n, 1);
  });
});

Deno.test("checkpoints that mean harm are errors", async () => {
  await inFolder(async (folder) => {
    const path = joinPath(folder, "x"), manifest = joinPath(path, "manifest.json");
    await writeCheckpoint(path, data(1));
    await writeFile(joinPath(folder, "outside.json"), "{}");
    const sound = JSON.parse(await readText(manifest));
    const outside = { bytes: 2, sha256: await sha256(new TextEncoder().encode("{}")) };
    const cases: [string, string][] = [
      [JSON.stringify({ ...sound, files: { ...sound.files, "../outside.json": outside } }), "names a file outside"],
      [JSON.stringify({ ...sound, files: { ...sound.files, "..": outside } }), "names a file outside"],
      [JSON.stringify({ ...sound, files: { ...sound.files, "/etc/passwd": outside } }), "names a file outside"],
      [JSON.stringify({ ...sound, files: { ...sound.files, "C:\\x": outside } }), "names a file outside"],
      [JSON.stringify({ ...sound, files: { ...sound.files, "more.json": outside } }), "no such file"],
      [JSON.stringify({ ...sound, files: [] }), "not of the format"],
      [JSON.stringify({ ...sound, files: { ...sound.files, "state.json": null } }), "lacks size or checksum"],
      [
        JSON.stringify({ ...sound, files: { ...sound.files, "state.json": { bytes: 1e308, sha256: "" } } }),
        "lacks size or checksum",
      ],
      [
        JSON.stringify({ ...sound, files: { ...sound.files, "state.json": { bytes: 2 ** 52, sha256: "" } } }),
        "state.json is damaged",
      ],
      [
        JSON.stringify({ ...sound, version: 99 }),
        "its version must be from 1 to 2, got 99; a newer release of the library wrote it",
      ],
      [JSON.stringify({ ...sound, version: "1" }), 'its version must be from 1 to 2, got "1"'],
      [JSON.stringify({ ...sound, format: "other" }), "not of the format"],
      [`{"__proto__": ${JSON.stringify(sound)}}`, "not of the format"],
      [
        JSON.stringify({ ...sound, files: undefined }).replace("}", ',"files":{"__proto__":{}}}'),
        "lacks model.safetensors",
      ],
      ["[".repeat(200_000), "Cannot load the checkpoint"],
      ["null", "not of the format"],
      ["", "Cannot load the checkpoint"],
      ["\xff\xfe", "Cannot load the checkpoint"],
    ];
    for (const [text, wanted] of cases) {
      await writeFile(manifest, text);
      await assertRejects(() => readCheckpoint(path), CheckpointError, wanted, text.slice(0, 200));
    }
    assertEquals(({} as { format?: string }).format, undefined);
  });
});

Deno.test("state that means harm is an error although its checksums hold", async () => {
  await inFolder(async (folder) => {
    const states = [
      "[]",
      "{}",
      '{"training": 3, "extra": {}}',
      '{"training": {"x": {"$tensor": "__proto__"}}, "extra": {}}',
      '{"training": {"x": {"$map": 1}}, "extra": {}}',
      `{"training": {"x": ${"[".repeat(200_000)}${"]".repeat(200_000)}}, "extra": {}}`,
      '{"training": {"x": 1e999}, "extra": null}',
    ];
    for (const [i, state] of states.entries()) {
      const path = joinPath(folder, String(i));
      await makeDir(path);
      const files: Record<string, { bytes: number; sha256: string }> = {};
      for (
        const [name, bytes] of [
          ["model.safetensors", encodeSafetensors(new Map())],
          ["state.safetensors", encodeSafetensors(new Map())],
          ["state.json", new TextEncoder().encode(state)],
        ] as const
      ) {
        await writeFile(joinPath(path, name), bytes);
        files[name] = { bytes: bytes.byteLength, sha256: await sha256(bytes) };
      }
      await writeFile(
        joinPath(path, "manifest.json"),
        JSON.stringify({ format: "fulgurite-checkpoint", version: CHECKPOINT_VERSION, files }),
      );
      await assertRejects(
        () => readCheckpoint(path),
        CheckpointError,
        "Cannot load the checkpoint",
        state.slice(0, 100),
      );
    }
  });
});

Deno.test("a folder that is missing or a file is named", async () => {
  await inFolder(async (folder) => {
    const file = joinPath(folder, "file");
    await writeFile(file, "x");
    await assertRejects(() => readCheckpoint(joinPath(folder, "none")), CheckpointError, "none: it does not exist");
    const empty = `Cannot load the checkpoint ${folder}: Cannot read manifest.json: no such file or folder`;
    await assertRejects(() => readCheckpoint(folder), CheckpointError, empty);
    await assertRejects(() => readCheckpoint(file), CheckpointError, "a checkpoint is a folder, this is a file");
    await assertRejects(() => writeCheckpoint(joinPath(file, "x"), data(1)), Error, "Cannot save the checkpoint");
  });
});

/**
 * Runs the saving child where the folder `disk` is a small file system of its own; `null` where that is not allowed.
 */
async function onSmallDisk(disk: string, script: string): Promise<string | null> {
  const mount = `mount -t tmpfs -o size=700k tmpfs '${disk}'`;
  const possible = await runCommand("unshare", ["-rm", "sh", "-c", mount]).catch(() => null);
  if (possible === null || possible.code !== 0) return null;
  const { stdout } = await runCommand("unshare", ["-rm", "sh", "-c", `${mount} && ${script}`]);
  return stdout;
}

const save = (path: string, n: number) => `'${Deno.execPath()}' run -A '${SAVES.pathname}' '${path}' ${n} 1`;
const read = (path: string) =>
  `'${Deno.execPath()}' eval 'import { readCheckpoint } from "${new URL("./checkpoint.ts", import.meta.url)}";` +
  `console.log("holds", (await readCheckpoint("${path}")).training.n)'`;

Deno.test("a full disk is a loud error and leaves the checkpoint before", async () => {
  await inFolder(async (disk) => {
    const path = joinPath(disk, "x");
    const fill = `dd if=/dev/zero of='${disk}/rest' bs=1k count=580 2>/dev/null`;
    const output = await onSmallDisk(
      disk,
      `${save(path, 1)}; ${fill}; ${save(path, 2)}; ls -A '${disk}'; ${read(path)}`,
    );
    if (output !== null) {
      assertEquals(output.replace(/\.tmp-\d+-[0-9a-f]{8}/, ".tmp").split("\n").slice(0, -1), [
        "saved 1",
        `failed Cannot save the checkpoint ${path}: its folder must be writable, Cannot write a file in writeFileAtomic: ` +
        `no space is left on the disk, path is ${path}.tmp/model.safetensors`,
        "rest",
        "x",
        "holds 1",
      ]);
      return;
    }
    // Without a file system of its own: the limit of this process on the size of files.
    await writeCheckpoint(path, data(1));
    const limited = await runCommand("sh", ["-c", `trap '' XFSZ; ulimit -f 8; ${save(path, 2)}`]);
    assertStringIncludes(limited.stdout, "failed Cannot save the checkpoint");
    assertEquals((await readCheckpoint(path)).training?.n, 1);
    assertEquals(await listDir(disk), ["x"]);
  });
});

Deno.test("a read-only folder is a loud error and leaves the checkpoint before", async () => {
  await inFolder(async (disk) => {
    const path = joinPath(disk, "x");
    const lock = `mount -o remount,ro,size=700k tmpfs '${disk}'`;
    let output = await onSmallDisk(disk, `${save(path, 1)}; ${lock}; ${save(path, 2)}; ${read(path)}`);
    if (output === null) {
      // Without a file system of its own: permissions, which bind everybody but root.
      await writeCheckpoint(path, data(1));
      await Deno.chmod(disk, 0o555);
      output = `saved 1\n${(await runCommand("sh", ["-c", `${save(path, 2)}; ${read(path)}`])).stdout}`;
      await Deno.chmod(disk, 0o755);
    }
    const [first, second, third] = output.split("\n");
    assertEquals([first, third], ["saved 1", "holds 1"]);
    assertStringIncludes(second, `failed Cannot save the checkpoint ${path}: its folder must be writable`);
    assert(/read-only|permission is denied/.test(second), second);
  });
});

Deno.test("a save replaces checkpoints only: a folder or file of the user's stays", async () => {
  const root = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${root}/precious`);
    await Deno.writeTextFile(`${root}/precious/thesis.txt`, "years of work");
    await Deno.writeTextFile(`${root}/notes`, "text");
    for (const name of ["precious", "notes"]) {
      await assertRejects(
        () => writeCheckpoint(`${root}/${name}`, data(1)),
        Error,
        "must be a checkpoint",
      );
    }
    assertEquals(await Deno.readTextFile(`${root}/precious/thesis.txt`), "years of work");
    assertEquals(await Deno.readTextFile(`${root}/notes`), "text");
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("saves of one folder at the same time come one after the other, whatever separators end its path", async () => {
  await inFolder(async (folder) => {
    const path = joinPath(folder, "x");
    await Promise.all([1, 2, 3, 4].map((n) => writeCheckpoint(n % 2 ? path : `${path}//`, data(n))));
    assertEquals((await readCheckpoint(`${path}/`)).training?.n, 4);
    assertEquals(await listDir(folder), ["x"]);
    await assertRejects(() => writeCheckpoint("", data(1)), Error, "must not be empty");
  });
});

Deno.test("what a dead process has left is cleared or put back, what lives or is not ours stays", async () => {
  await inFolder(async (folder) => {
    const path = joinPath(folder, "x.ckpt");
    const dead = 2 ** 22 + 1; // beyond the numbers that Linux gives
    const leftover = async (name: string, file = "state.json") => {
      await makeDir(joinPath(folder, name));
      await writeFile(joinPath(folder, name, file), "half");
    };
    await writeCheckpoint(joinPath(folder, "y.ckpt"), data(1));
    await writeCheckpoint(joinPath(folder, "z.ckpt"), data(2));
    await Deno.rename(joinPath(folder, "y.ckpt"), joinPath(folder, "y.ckpt.previous"));
    await leftover("z.ckpt.previous");
    await leftover(`x.ckpt.tmp-${dead}-0123abcd`);
    await leftover(`x.ckpt.tmp-${Deno.pid}-0123abcd`); // the number of a process that died is given anew
    await leftover(`x.ckpt.tmp-${Deno.ppid}-0123abcd`);
    await leftover(`other.tmp-${dead}-0123abcd`, "notes.txt");
    await leftover("mine.tmp");
    await writeCheckpoint(path, data(3));
    const kept = [`mine.tmp`, `other.tmp-${dead}-0123abcd`, "x.ckpt", `x.ckpt.tmp-${Deno.ppid}-0123abcd`];
    assertEquals(await listDir(folder), [...kept, "y.ckpt.previous", "z.ckpt", "z.ckpt.previous"].sort());
    await sweep(folder);
    assertEquals(await listDir(folder), [...kept, "y.ckpt", "z.ckpt"].sort());
    assertEquals((await readCheckpoint(joinPath(folder, "y.ckpt"))).training?.n, 1);
  });
});

Deno.test("state that refers to itself is refused when it is saved", () => {
  const state: Record<string, unknown> = { list: [] };
  (state.list as unknown[]).push(state);
  assertThrows(() => packState(state), TypeError, "refers to itself, at list.0.list");
});
