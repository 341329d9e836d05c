// Chat sessions: say what to design, watch the run, answer what it asks, come back later.
// The page shows the session's log as it stands, whoever writes it; only what was not logged yet
// (a message on its way, an answer that is coming in, slash commands) is kept here.
import { complain, el, fill } from "./dom.js";
import { ask } from "./source.js";

const HINT =
  "Say in words what to make. Open points are asked back; corrections such as “make the reset active low” start from where the design stands. /help lists commands.";

export class ChatPage {
  constructor(id) {
    this.id = id || null;
    this.state = { turns: [], pending: null, working: false, doing: "" };
    this.asides = [];
    this.sending = null;
    this.sessions = el("nav", { class: "sessions", "aria-label": "Sessions" });
    this.turns = el("div", { class: "turns", "aria-live": "polite", tabindex: "0" });
    this.field = el("textarea", {
      rows: "2",
      placeholder: "Say what to design, or correct it",
      title: "Enter sends, Shift+Enter is a new line",
      "aria-label": "Message",
    });
    this.button = el("button", { class: "main" }, "Send");
    const form = el("form", { class: "ask" }, this.field, this.button);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.sendField();
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.sendField();
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
      this.state = await ask(`/api/sessions/${encodeURIComponent(this.id)}`);
      this.follow();
    }
    this.draw();
    this.field.focus();
  }

  end() {
    if (this.stream) this.stream.close();
  }

  key() {
    return false;
  }

  follow() {
    this.end();
    this.stream = new EventSource(`/api/sessions/${encodeURIComponent(this.id)}/live`);
    this.stream.onmessage = (message) => {
      this.state = JSON.parse(message.data);
      this.draw();
    };
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

  // -- sending ----------------------------------------------------------------------------

  // Enter while a message is on its way sends this one after it.
  sendField() {
    const text = this.field.value.trim();
    this.waiting = Boolean(text && this.sending);
    if (!text || this.sending) return;
    this.field.value = "";
    this.send(text);
  }

  // Without a text the turn that was cut off goes on; answers is the request a button is for.
  async send(text, answers = "") {
    if (this.sending) return;
    this.sending = { text, pieces: "", after: this.state.turns.length };
    this.button.disabled = true;
    this.draw(true);
    const aside = { after: this.sending.after, text };
    try {
      const reply = await this.listen(text, answers);
      if (text.startsWith("/")) this.asides.push({ ...aside, reply });
    } catch (error) {
      this.asides.push({ ...aside, trouble: String(error.message || error) });
    }
    if (this.id) this.state = await ask(`/api/sessions/${this.id}`).catch(() => this.state);
    this.sending = null;
    this.button.disabled = false;
    this.draw(true);
    this.field.focus();
    this.list();
    if (this.waiting) this.sendField();
  }

  async listen(text, answers) {
    const answer = await fetch("/api/chat", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ session: this.id, text, answers }),
    });
    if (!answer.ok) throw new Error((await answer.json()).error);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return "";
      const messages = (rest + value).split("\n\n");
      rest = messages.pop();
      for (const message of messages.filter((m) => m.startsWith("data: "))) {
        const told = JSON.parse(message.slice(6));
        if (told.session && told.session !== this.id) this.adopt(told.session);
        if (told.error) throw new Error(told.error);
        if (told.text) {
          this.sending.pieces += told.text;
          this.draw();
        }
        if (told.reply !== undefined) {
          reader.cancel();
          return told.reply;
        }
      }
    }
  }

  adopt(id) {
    this.id = id;
    window.history.replaceState(null, "", `#/chat/${id}`);
    this.follow();
    this.list();
  }

  // -- drawing ----------------------------------------------------------------------------

  // Only what changed is drawn anew, so that a selection or an open line stays as it is.
  draw(toEnd = false) {
    const items = this.items();
    const { turns } = this;
    const atEnd = turns.scrollHeight - turns.scrollTop - turns.clientHeight < 60;
    items.forEach(([kind, ...about], i) => {
      const key = JSON.stringify([kind, about]);
      const old = turns.children[i];
      if (old && old.dataset.key === key) return;
      const fresh = DRAW[kind](this, ...about);
      fresh.dataset.key = key;
      if (old) old.replaceWith(fresh);
      else turns.append(fresh);
    });
    while (turns.children.length > items.length) turns.lastChild.remove();
    if (toEnd || atEnd) turns.scrollTop = turns.scrollHeight;
  }

  items() {
    const { state, sending } = this;
    const items = [];
    const asides = (after) =>
      this.asides
        .filter((a) => a.after === after)
        .forEach((a) => {
          if (a.text) items.push(["said", a.text]);
          items.push(a.trouble ? ["trouble", a.trouble] : ["told", a.reply]);
        });
    asides(0);
    state.turns.forEach((turn, i) => {
      items.push(["said", turn.text]);
      if (turn.reply != null) items.push(["told", turn.reply, turn.run_id]);
      else if (sending || state.working)
        items.push(["open", sending?.pieces || "", state.doing, turn.run_id]);
      else items.push(["cut"]);
      asides(i + 1);
    });
    if (sending?.text && state.turns.length <= sending.after)
      items.push(["said", sending.text], ["open", sending.pieces, "", null]);
    else if (state.pending && !sending && !state.working) {
      const asked = items.at(-1)?.[1]?.includes(state.pending.question);
      items.push(["request", state.pending, asked]);
    }
    return items.length ? items : [["hint"]];
  }
}

const DRAW = {
  hint: () => el("p", { class: "empty" }, HINT),
  said: (page, text) => el("div", { class: "said" }, text),
  told: (page, text, run) => el("div", { class: "answered" }, words(text), trace(run)),
  trouble: (page, text) => complain(text),
  cut: (page) =>
    el(
      "div",
      { class: "request" },
      el("p", {}, "This turn was cut off; what it did is kept."),
      el("button", { type: "button", class: "main", onclick: () => page.send("") }, "Go on"),
    ),
  open: (page, pieces, doing, run) =>
    el(
      "div",
      { class: "answered", "aria-busy": "true" },
      pieces ? words(pieces) : el("span", { class: "soft doing" }, doing || "…"),
      run && el("p", { class: "line" }, trace(run), pause(run)),
    ),
  // The request as it stands in the log: any front end may answer it, and the first one counts.
  request: (page, request, asked) =>
    el(
      "div",
      { class: "request", role: "group", "aria-label": request.question },
      !asked && el("p", {}, request.question),
      request.buttons.map((label, i) =>
        el(
          "button",
          {
            type: "button",
            class: i ? null : "main",
            onclick: () => page.send(i ? "no" : "yes", request.id),
          },
          label,
        ),
      ),
    ),
};

function pause(run) {
  const button = el("button", { type: "button" }, "Pause");
  button.addEventListener("click", () => {
    button.disabled = true;
    ask(`/api/runs/${run}/stop`, {}).catch((error) => button.after(complain(error)));
  });
  return button;
}

function trace(run) {
  return run && el("a", { class: "trace", href: `#/runs/${run}` }, `the trace of run ${run}`);
}

// Fenced code stands out; a session that is named can be opened; all else is plain text.
function words(text) {
  return text
    .split(/```\w*\n?/)
    .map((part, i) => (i % 2 ? el("pre", { tabindex: "0" }, part) : part && linked(part)));
}

function linked(text) {
  const named = text.match(/^qimeng chat --session ([\w-]+)$/);
  return el("span", {}, named ? el("a", { href: `#/chat/${named[1]}` }, text) : text);
}
