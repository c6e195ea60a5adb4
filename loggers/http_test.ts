import { assert, assertEquals, assertRejects } from "@std/assert";
import { TestServer } from "../testing/servers/serve.ts";
import { Refused, sender, ServerAway } from "./_http.ts";

/** Asks a server that always answers so. */
async function asked(answer: NonNullable<TestServer["always"]>): Promise<ServerAway | Refused> {
  await using server = new TestServer(() => Response.json({})).up();
  server.always = answer;
  const send = sender(server.url, () => ({}), new AbortController().signal);
  return await assertRejects(() => send({ method: "GET", path: "/" })) as ServerAway | Refused;
}

Deno.test("what may pass is tried again, what will not is refused, and what every request would meet ends sending", async () => {
  for (const status of [408, 425, 429, 500, 502, 503, 504, 599]) {
    assert(await asked({ status }) instanceof ServerAway, `${status}`);
  }
  assert(await asked("broken") instanceof ServerAway);
  for (const [status, always] of [[400, false], [404, false], [409, false], [413, false], [501, false]] as const) {
    const error = await asked({ status });
    assert(error instanceof Refused, `${status}`);
    assertEquals([error.status, error.always], [status, always]);
  }
  for (const status of [301, 302, 401, 403]) {
    const error = await asked({ status });
    assert(error instanceof Refused && error.always, `${status}`);
  }
});

Deno.test("Retry-After is read as seconds and as a date", async () => {
  const after = async (retryAfter: string) => (await asked({ status: 429, retryAfter }) as ServerAway).after;
  assertEquals([await after("7"), await after("soon")], [7, null]);
  const seconds = await after(new Date(Date.now() + 60_000).toUTCString());
  assert(seconds !== null && seconds > 50 && seconds <= 60, `${seconds}`);
  assertEquals(await after("Wed, 21 Oct 2015 07:28:00 GMT"), 0);
});
