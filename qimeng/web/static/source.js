// Where a run's trace comes from: the server, or the data inside an exported page.

export async function ask(path, body) {
  const options =
    body === undefined
      ? {}
      : {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(body),
        };
  const answer = await fetch(path, options);
  const told = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  if (!answer.ok) throw new Error(told.error);
  return told;
}

export function serverSource(id) {
  const base = `/api/runs/${encodeURIComponent(id)}`;
  return {
    live: true,
    base,
    overview: () => ask(base),
    rows: (filter, from, size, seq) => {
      const query = new URLSearchParams({
        groups: filter.groups.join(","),
        q: filter.q,
        from,
        count: size,
      });
      if (seq !== undefined) query.set("seq", seq);
      return ask(`${base}/rows?${query}`);
    },
    event: (seq) => ask(`${base}/events/${seq}`),
    text: async (digest) => {
      const answer = await fetch(`${base}/artifacts/${digest}`);
      if (!answer.ok) throw new Error("the run has lost this file");
      return answer.text();
    },
    link: (digest, name) => `${base}/artifacts/${digest}?name=${encodeURIComponent(name)}`,
    follow: (told, lost) => {
      const stream = new EventSource(`${base}/live`);
      stream.onmessage = (message) => told(JSON.parse(message.data));
      stream.onerror = lost;
      return () => stream.close();
    },
  };
}

export function exportedSource(data) {
  const holds = (row, filter) => {
    const told = `${row.actor} ${row.text} ${row.outcome || ""} ${row.kind}`.toLowerCase();
    return (
      (!filter.groups.length || filter.groups.includes(row.group)) &&
      told.includes(filter.q.toLowerCase())
    );
  };
  return {
    live: false,
    overview: async () => data.overview,
    rows: async (filter, from, size, seq) => {
      const found = data.rows.filter((row) => holds(row, filter));
      const before = found.findIndex((row) => row.seq >= seq);
      const place = before < 0 ? Math.max(0, found.length - 1) : before;
      return { total: found.length, from, rows: found.slice(from, from + size), place };
    },
    event: async (seq) => data.details[seq],
    text: async (digest) => {
      if (!(digest in data.texts))
        throw new Error("left out of this page: it is in the run's own files");
      return data.texts[digest];
    },
    link: () => null,
    follow: () => () => {},
  };
}
