// Chat sessions: say what to design, watch the run, correct it, come back later.
import { complain, el, fill } from "./dom.js";
import { ask } from "./source.js";

export class ChatPage {
  constructor(id) {
    this.id = id || null;
    this.sessions = el("nav", { class: "sessions", "aria-label": "Sessions" });
    this.turns = el("div", { class: "turns", "aria-live": "polite" });
    this.field = el("textarea", {
      rows: "2",
      placeholder: "Say what to design, or correct it (Enter sends, Shift+Enter is a new line)",
      "aria-label": "Message",
    });
    this.button = el("button", { class: "main" }, "Send");
    const form = el("form", { class: "ask" }, this.field, this.button);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.send();
    });
    this.root = el(
      "div",
      { class: "chat" },
      this.sessions,
      el("div", { class: "talk" }, this.turns, form),
    );
  }

  async begin() {
    await this.list();
    if (this.id) {
      const { turns } = await ask(`/api/sessions/${encodeURIComponent(this.id)}`);
      fill(
        this.turns,
        turns.flatMap((turn) => [
          said(turn.text),
          answered(
            turn.reply ?? "This turn was cut off, or is still worked on. Say something to go on.",
            turn.run_id,
          ),
        ]),
      );
      this.turns.scrollTop = this.turns.scrollHeight;
    } else {
      fill(
        this.turns,
        el(
          "p",
          { class: "empty" },
          "Say in words what to make. Open points are asked back; corrections such as “make the reset active low” start from where the design stands. /help lists commands.",
        ),
      );
    }
    this.field.focus();
  }

  async list() {
    const { sessions } = await ask("/api/sessions");
    fill(
      this.sessions,
      el("a", { class: "main button", href: "#/chat" }, "New session"),
      sessions.map((session) =>
        el(
          "a",
          {
            href: `#/chat/${session.id}`,
            title: session.title,
            "aria-current": session.id === this.id,
          },
          session.title,
        ),
      ),
    );
  }

  async send() {
    const text = this.field.value.trim();
    if (!text || this.busy) return;
    this.busy = true;
    this.button.disabled = true;
    this.field.value = "";
    if (!this.id && this.turns.querySelector(".empty")) fill(this.turns);
    const reply = answered("…");
    this.turns.append(said(text), reply);
    this.turns.scrollTop = this.turns.scrollHeight;
    try {
      await this.listen(text, reply);
    } catch (error) {
      fill(reply, complain(error));
    }
    this.busy = false;
    this.button.disabled = false;
    this.field.focus();
    this.list();
  }

  async listen(text, reply) {
    const answer = await fetch("/api/chat", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ session: this.id, text }),
    });
    if (!answer.ok) throw new Error((await answer.json()).error);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "",
      pieces = "",
      run = null;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const messages = (rest + value).split("\n\n");
      rest = messages.pop();
      for (const message of messages.filter((m) => m.startsWith("data: "))) {
        const told = JSON.parse(message.slice(6));
        if (told.session) this.adopt(told.session);
        if (told.run) run = told.run;
        if (told.text) pieces += told.text;
        if (told.error) throw new Error(told.error);
        fill(
          reply,
          ...(told.reply !== undefined
            ? words(told.reply, run)
            : words(pieces || told.progress || "…", run, !pieces)),
        );
        this.turns.scrollTop = this.turns.scrollHeight;
        if (told.reply !== undefined) {
          reader.cancel();
          return;
        }
      }
    }
  }

  adopt(id) {
    this.id = id;
    window.history.replaceState(null, "", `#/chat/${id}`);
  }

  end() {}

  key() {
    return false;
  }
}

function said(text) {
  return el("div", { class: "said" }, text);
}

function answered(text, run) {
  return el("div", { class: "answered" }, words(text, run));
}

// Fenced code stands out; everything else is plain text.
function words(text, run, faint = false) {
  const parts = text
    .split(/```\w*\n?/)
    .map((part, i) =>
      i % 2 ? el("pre", {}, part) : part && el("span", { class: faint ? "soft" : null }, part),
    );
  return [
    ...parts.filter(Boolean),
    run ? el("p", {}, el("a", { href: `#/runs/${run}` }, `the trace of run ${run}`)) : null,
  ].filter(Boolean);
}
