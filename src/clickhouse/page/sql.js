// What the pages of xtcp2-clickhouse share: who asks, and queries.
"use strict";

const sql = (() => {
  const { byId, kept } = page;

  // Basic authentication is UTF-8 (RFC 7617).
  function authorization() {
    const user = kept.get("user");
    if (!user) return {};
    const bytes = new TextEncoder().encode(user + ":" + kept.get("password"));
    return { Authorization: "Basic " + btoa(String.fromCharCode(...bytes)) };
  }

  // The first line of an exception without the engine's version.
  const sentence = (text) => text.trim().replace(/^Code: \d+\. DB::Exception: /, "").replace(/ \(version [^)]*\([^)]*\)\)$/, "");

  class Refused extends Error {}

  let wantsPassword = null; // whether the server asks for one; null: not known yet

  // Send a query. parameters: values of {name:Type}. Return the response; its body is not read yet.
  async function send(query, { parameters = {}, format = "JSON", signal = undefined } = {}) {
    wantsPassword ??= (await (await fetch("/page/access", { credentials: "omit" })).json()).password;
    if (wantsPassword && !kept.get("user")) throw new Refused("");
    const url = new URL("/", location.origin);
    url.searchParams.set("default_format", format);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set("param_" + name, value);
    const answer = await fetch(url, { method: "POST", body: query, headers: authorization(), credentials: "omit", cache: "no-store", signal });
    if (answer.ok) return answer;
    const text = sentence(await answer.text());
    if (/\((REQUIRED_PASSWORD|AUTHENTICATION_FAILED)\)/.test(text)) throw new Refused(text);
    throw new Error(text);
  }

  // The rows of a query as objects; numbers are numbers.
  async function rows(query, parameters) {
    const answer = await send(query, { parameters, format: "JSONCompactEachRowWithNames" });
    const lines = (await answer.text()).split("\n").filter((line) => line);
    const names = lines.length ? JSON.parse(lines[0]) : [];
    return lines.slice(1).map((line) => Object.fromEntries(JSON.parse(line).map((value, i) => [names[i], value])));
  }

  // The form that asks for user and password; again() is called once they are there.
  function signIn(again) {
    byId("sign-in").addEventListener("submit", (event) => {
      event.preventDefault();
      kept.set("user", byId("user").value.trim());
      kept.set("password", byId("password").value);
      byId("password").value = "";
      byId("signed-out").hidden = true;
      again();
    });
    byId("sign-out").addEventListener("click", () => {
      kept.set("user", "");
      kept.set("password", "");
      byId("sign-out").hidden = true;
      again();
    });
  }

  // Show what a query has ended with; null for a good end.
  function showTrouble(error) {
    const refused = error instanceof Refused;
    byId("signed-out").hidden = !refused;
    byId("shown").hidden = refused;
    byId("sign-out").hidden = refused || !kept.get("user");
    byId("refusal").textContent = refused && kept.get("user") ? error.message : "";
    byId("trouble").hidden = !error || refused || error.name === "AbortError";
    byId("trouble").textContent = error && !refused ? error.message : "";
    if (refused && document.activeElement === document.body) byId("password").focus();
  }

  return { send, rows, signIn, showTrouble };
})();
