import { assertEquals, assertThrows } from "@std/assert";
import { backportsSource, parseOsRelease } from "./apt.ts";

Deno.test("parseOsRelease reads quoted and bare fields", () => {
  const text = `PRETTY_NAME="Linux Mint 22"\nID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME=wilma\n`;
  assertEquals(parseOsRelease(text), { id: "linuxmint", like: ["ubuntu", "debian"], codename: "wilma" });
  assertEquals(parseOsRelease(""), { id: "", like: [], codename: "" });
});

Deno.test("backports come from the mirror that the release itself comes from", () => {
  const sources = [
    { uri: "http://security.example/debian-security/", release: "bookworm-security" },
    { uri: "http://mirror.example/debian/", release: "bookworm" },
  ];
  const lines = backportsSource(sources, "bookworm", "/keys.gpg")!.trim().split("\n");
  assertEquals(lines[1], "deb [signed-by=/keys.gpg] http://mirror.example/debian/ bookworm-backports main");
  assertEquals(backportsSource(sources, "bookworm")!.includes("signed-by"), false);
  const known = [...sources, { uri: "http://mirror.example/debian/", release: "bookworm-backports" }];
  assertEquals(backportsSource(known, "bookworm"), null);
  assertThrows(() => backportsSource([sources[0]], "bookworm"), Error, "apt's sources name none");
});
