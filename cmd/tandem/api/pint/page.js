"use strict";
const form = document.forms[0], stop = form.elements.stop, steps = document.querySelector("ol");
const final = ["completed", "failed", "cancelled"];
let call = null;

async function ask(method, path, body, key) {
  const headers = { Authorization: "Bearer " + form.elements.token.value };
  if (body) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const answer = await fetch("/api/v1" + path, { method, headers, body: body && JSON.stringify(body) });
  const out = await answer.json();
  if (!answer.ok) throw new Error([out.detail, out.remedy].filter(Boolean).join(": "));
  return out;
}

function line(text, problem) {
  const item = document.createElement("li");
  item.textContent = text;
  if (problem) item.className = "problem";
  steps.append(item);
}

function show(request) {
  steps.replaceChildren();
  for (const step of request.steps) line(new Date(step.time).toLocaleTimeString() + " " + step.info);
}

async function follow() {
  while (call) {
    const request = await ask("GET", "/pint/calls/" + call);
    show(request);
    if (final.includes(request.state)) call = null;
    else await new Promise((done) => setTimeout(done, 500));
  }
}

async function attempt(what) {
  try {
    await what();
  } catch (err) {
    call = null;
    line(err.message, true);
  }
  stop.disabled = !call;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (call) return;
  steps.replaceChildren();
  attempt(async () => {
    const wanted = { user: form.elements.user.value, a: form.elements.a.value };
    call = (await ask("POST", "/pint/calls", wanted, crypto.randomUUID())).id;
    stop.disabled = false;
    await follow();
  });
});

stop.addEventListener("click", async () => {
  const id = call;
  if (id) await ask("DELETE", "/pint/calls/" + id).catch((err) => line(err.message, true));
});
