"use strict";
(function () {
  const SILENT_AFTER_MS = 5000;
  const AGAIN_MS = 3000;
  const faults = new Map();
  let heardAt = Date.now();
  let source = null;

  function element(id) { return document.getElementById(id); }
  function put(id, text) {
    const place = element(id);
    if (place.textContent !== text) place.textContent = text;
  }

  // What goes wrong in this script stays on the screen: a page that looks healthy because it broke would be worse than none.
  function fault(key, text) {
    faults.set(key, text);
    showFaults();
  }
  function mended(key) {
    if (faults.delete(key)) showFaults();
  }
  function showFaults() {
    const place = element("faults");
    place.textContent = Array.from(faults.values()).join(" · ");
    place.hidden = faults.size === 0;
  }
  window.addEventListener("error", event => fault("error " + event.message, "This page has an error: " + event.message));
  window.addEventListener("unhandledrejection", event => fault("error " + event.reason, "This page has an error: " + event.reason));

  function number(value) {
    if (value === null || value === undefined) return "–";
    if (Math.abs(value) < 10 && value % 1 !== 0) return value.toFixed(1);
    return Math.round(value).toLocaleString("en");
  }
  function duration(seconds) {
    if (seconds === null || seconds === undefined) return "–";
    if (seconds < 0.9995) return (seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0) + " ms";
    if (seconds < 90) return seconds.toFixed(seconds < 10 ? 1 : 0) + " s";
    if (seconds < 5400) return Math.round(seconds / 60) + " min";
    if (seconds < 172800) return (seconds / 3600).toFixed(1) + " h";
    return Math.round(seconds / 86400) + " d";
  }
  function counted(many, one, several) { return number(many) + " " + (many === 1 ? one : several); }
  function host(address) { return address === null ? "nobody" : address.replace(/^https?:\/\//, "").replace(/\/$/, ""); }

  function shape(name, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.keys(attributes).forEach(key => made.setAttribute(key, attributes[key]));
    return made;
  }
  function sparkline(id, values, label) {
    const place = element(id);
    const known = values.map(value => value === null ? 0 : value);
    const top = Math.max.apply(null, known.concat([1e-9]));
    const step = 240 / 119;
    const begin = 240 - (known.length - 1) * step;
    const points = known.map((value, at) => (begin + at * step).toFixed(1) + " " + (46 - 42 * value / top).toFixed(1));
    place.replaceChildren(shape("path", {class: "base", d: "M0 46.5H240"}));
    if (points.length > 1) {
      place.append(
        shape("path", {class: "area", d: "M" + begin.toFixed(1) + " 46L" + points.join("L") + "L240 46Z"}),
        shape("path", {class: "line", d: "M" + points.join("L")})
      );
    }
    place.setAttribute("aria-label", label);
  }

  // A column is [heading, value of a row, class]. What has not changed is left alone, so that text can be marked and copied.
  const shown = {};
  function table(id, columns, rows, level, none) {
    const place = element(id);
    const content = JSON.stringify(rows.map(row => columns.map(column => column[1](row)).concat(level(row))));
    if (shown[id] === content) return;
    shown[id] = content;
    if (rows.length === 0) {
      const text = document.createElement("p");
      text.className = "none";
      text.textContent = none;
      place.replaceChildren(text);
      return;
    }
    const made = document.createElement("table");
    const head = made.createTHead().insertRow();
    columns.forEach(column => {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = column[0];
      if (column[2] === "number") cell.className = "number";
      head.append(cell);
    });
    const body = made.createTBody();
    rows.forEach(row => {
      const line = body.insertRow();
      const told = level(row);
      if (told) line.dataset.level = told;
      columns.forEach(column => {
        const cell = line.insertCell();
        cell.textContent = column[1](row);
        if (column[2]) cell.className = column[2];
      });
    });
    place.replaceChildren(made);
  }

  function attention(doc) {
    const found = [];
    doc.health.reasons.forEach(reason => found.push(["bad", "Not ready (" + reason.check + "): " + reason.reason, ""]));
    doc.quarantine.forEach(agent => found.push(["bad",
      counted(agent.persons, "person waits", "persons wait") + " in quarantine for " + agent.agent + ", the longest for " + duration(agent.oldest_seconds),
      "person dlq list"]));
    doc.sagas.filter(saga => saga.status === "Parked").forEach(saga => found.push(["bad",
      counted(saga.many, "saga", "sagas") + " " + saga.saga + " failed and " + (saga.many === 1 ? "waits" : "wait") + " for an operator", "person sagas list --parked"]));
    doc.sagas.filter(saga => saga.status === "Compensating" && saga.stalest_seconds > 600).forEach(saga => found.push(["bad",
      "the undo of a saga " + saga.saga + " has not moved for " + duration(saga.stalest_seconds), "person sagas list --status Compensating"]));
    doc.routes.filter(route => route.last_error !== null).forEach(route => found.push(["warn",
      "route " + route.route + " fails: " + route.last_error, "person routes"]));
    doc.routes.filter(route => route.oldest_seconds > 60).forEach(route => found.push(["warn",
      "route " + route.route + " has not carried a message for " + duration(route.oldest_seconds), "person routes"]));
    const letters = doc.dead_letters.reduce((sum, letter) => sum + (letter.open || 0), 0);
    if (letters > 0) found.push(["warn", counted(letters, "dead letter is", "dead letters are") + " open", "person dlq stats"]);
    doc.policies.unusable.forEach(policy => found.push(["bad",
      "policy " + policy.policy + "@" + policy.version + " is in force and this release cannot ask it", "person policies list"]));
    if (doc.policies.rules_age_seconds > 5) found.push(["warn", "the worker has not seen new rules for " + duration(doc.policies.rules_age_seconds), "person doctor"]);
    if (doc.health.lag.seconds > 30) found.push(["warn", "the oldest waiting record is " + duration(doc.health.lag.seconds) + " old", "person doctor"]);
    if (doc.life.killed_in_last_hour > 0) found.push(["warn",
      "the worker was killed or crashed " + counted(doc.life.killed_in_last_hour, "time", "times") + " in the last hour; its log says more", ""]);
    const list = found.map(one => {
      const item = document.createElement("li");
      item.textContent = one[1] + (one[2] ? " — " : "");
      if (one[2]) {
        const command = document.createElement("code");
        command.textContent = one[2];
        item.append(command);
      }
      return item;
    });
    if (list.length === 0) {
      const item = document.createElement("li");
      item.textContent = "nothing on this worker";
      list.push(item);
    }
    element("attention").dataset.level = found.some(one => one[0] === "bad") ? "bad" : found.length ? "warn" : "good";
    element("attention-list").replaceChildren.apply(element("attention-list"), list);
  }

  const SHOW = {
    head: doc => {
      document.title = (doc.health.ready ? "" : "! ") + "person worker " + doc.worker.address;
      put("address", doc.worker.address);
      put("about", "installation " + doc.worker.installation + " · release " + doc.worker.release + " · up for " + duration(doc.life.uptime_seconds) + " · " + doc.at.slice(11, 19) + " UTC");
      put("state", doc.health.state);
      element("state").dataset.level = doc.health.ready ? "good" : doc.health.state === "draining" ? "warn" : "bad";
    },
    attention: attention,
    cards: doc => {
      put("events", number(doc.flow.events_per_second));
      sparkline("events-line", doc.flow.history.events_per_second, "events per second over the last two minutes, now " + number(doc.flow.events_per_second));
      put("events-note", "most in the last two minutes: " + number(Math.max.apply(null, doc.flow.history.events_per_second.concat([0]))));
      put("latency", duration(doc.flow.latency.p95_seconds));
      sparkline("latency-line", doc.flow.history.p95_seconds, "p95 of the time from append to visible over the last two minutes, " + duration(doc.flow.latency.p95_seconds));
      put("latency-note", "median " + duration(doc.flow.latency.p50_seconds) + " of " + counted(doc.flow.latency.measured, "event", "events") + ", slowest second " + duration(Math.max.apply(null, doc.flow.history.p95_seconds.concat([0]))));
      put("lag", number(doc.health.lag.records));
      put("lag-note", doc.health.lag.seconds === null ? "nothing waits" : "the oldest for " + duration(doc.health.lag.seconds));
      put("owned", number(doc.partitions.length) + " of " + number(doc.installation.length));
      put("owned-note", doc.recovery.running
        ? "recovering, " + number(doc.recovery.rows_to_go) + " rows to go" + (doc.recovery.seconds_left === null ? "" : ", about " + duration(doc.recovery.seconds_left))
        : "recovered; " + counted(doc.standbys.length, "standby replica", "standby replicas") + " of tables");
      const persons = doc.quarantine.reduce((sum, agent) => sum + agent.persons, 0);
      put("quarantined", number(persons));
      put("quarantined-unit", persons === 1 ? "person" : "persons");
      put("quarantined-note", persons === 0 ? "nobody waits" : "for " + counted(doc.quarantine.length, "agent", "agents"));
      element("quarantine-card").dataset.level = persons === 0 ? "" : "bad";
      const open = doc.sagas.filter(saga => saga.oldest_seconds !== null);
      const parked = open.filter(saga => saga.status === "Parked").reduce((sum, saga) => sum + saga.many, 0);
      put("open-sagas", number(open.reduce((sum, saga) => sum + saga.many, 0)));
      put("open-sagas-note", parked === 0 ? "none waits for an operator" : number(parked) + (parked === 1 ? " waits" : " wait") + " for an operator");
      element("sagas-card").dataset.level = parked === 0 ? "" : "bad";
    },
    partitions: doc => table("partitions", [
      ["Partition", partition => partition.partition, "number"],
      ["Owner", partition => partition.own ? "this worker" : host(partition.owner)],
      ["Waiting", partition => partition.own ? number(partition.lag_records) : "", "number"],
      ["Oldest", partition => partition.own ? duration(partition.lag_seconds) : "", "number"],
      ["Applied up to", partition => partition.own ? number(partition.stream_sequence) : "", "number"],
      ["Index rows behind", partition => partition.own ? number(partition.index_rows_waiting) : "", "number"],
      ["Parked", partition => partition.own ? number(partition.quarantined) : "", "number"],
      ["Standby here", partition => partition.standby_rows_to_go === null ? "" : partition.standby_rows_to_go === 0 ? "level" : number(partition.standby_rows_to_go) + " behind", "number"]
    ], doc.installation, partition => partition.owner === null && !partition.own ? "bad" : partition.quarantined ? "bad" : partition.lag_seconds > 30 ? "warn" : partition.own ? "" : "quiet",
    "no partitions"),
    lanes: doc => table("lanes", [
      ["Topic", topic => topic.topic],
      ["Per second", topic => number(topic.per_second), "number"],
      ["Busy", topic => Math.round(100 * topic.busy_share / Math.max(1, topic.lanes)) + " %", "number"],
      ["Waiting", topic => number(topic.backlog), "number"],
      ["Records", topic => number(topic.records), "number"],
      ["Lanes", topic => number(topic.lanes), "number"]
    ], doc.flow.topics, topic => topic.busy_share / Math.max(1, topic.lanes) > 0.9 ? "warn" : "", "no lane runs"),
    sagas: doc => table("sagas", [
      ["Saga", saga => saga.saga],
      ["Status", saga => saga.status],
      ["Number", saga => number(saga.many), "number"],
      ["Oldest", saga => duration(saga.oldest_seconds), "number"],
      ["Stalest", saga => duration(saga.stalest_seconds), "number"],
      ["Stalest at step", saga => saga.stalest_step === null ? "" : saga.stalest_step]
    ], doc.sagas, saga => saga.status === "Parked" ? "bad" : saga.status === "Compensating" ? "warn" : saga.oldest_seconds === null ? "quiet" : "", "no saga has run here"),
    quarantine: doc => table("quarantine", [
      ["Agent", agent => agent.agent],
      ["Persons", agent => number(agent.persons), "number"],
      ["Longest wait", agent => duration(agent.oldest_seconds), "number"]
    ], doc.quarantine, () => "bad", "nobody is in quarantine"),
    letters: doc => table("letters", [
      ["Consumer", letter => letter.consumer],
      ["Cause", letter => letter.cause],
      ["Open", letter => letter.open === null ? "counted elsewhere" : number(letter.open), "number"],
      ["Stored here", letter => number(letter.stored), "number"]
    ], doc.dead_letters, letter => letter.open > 0 ? "warn" : "", "no dead letter"),
    routes: doc => table("routes", [
      ["Route", route => route.route],
      ["Per second", route => number(route.per_second), "number"],
      ["Waiting", route => number(route.waiting), "number"],
      ["Oldest", route => duration(route.oldest_seconds), "number"],
      ["Carried", route => number(route.carried), "number"],
      ["Rejected", route => number(route.rejected), "number"],
      ["Carries", route => route.waits_for_stream ? "waits for its stream" : route.carries === 0 ? "elsewhere" : counted(route.carries, "part", "parts")],
      ["Last error", route => route.last_error === null ? "" : route.last_error, "wrap"]
    ], doc.routes, route => route.last_error !== null ? "warn" : route.carries === 0 ? "quiet" : "", "no routes"),
    policies: doc => table("policies", [
      ["Policy", policy => policy.policy + "@" + policy.version],
      ["Status", policy => policy.status],
      ["Asked", policy => number(policy.asked), "number"],
      ["Answers", policy => Object.keys(policy.verdicts).map(name => name + " " + number(policy.verdicts[name])).join(", "), "wrap"],
      ["Faults", policy => number(policy.faults), "number"]
    ], doc.policies.in_force, policy => policy.faults > 0 ? "warn" : "", "no policy is in force"),
    life: doc => put("life", "Started " + doc.life.started_at.slice(0, 19).replace("T", " ") + " UTC, start number " + number(doc.life.starts) + " on this data folder, "
      + number(doc.life.starts_of_last_hour) + " in the last hour, " + number(doc.life.killed_in_last_hour) + " of the runs before ended without a stop. Partitions were assigned "
      + counted(doc.life.assignments, "time", "times") + ". Python " + doc.worker.python + ".")
  };

  function show(doc) {
    Object.keys(SHOW).forEach(part => {
      try {
        SHOW[part](doc);
        mended("part " + part);
      } catch (error) {
        fault("part " + part, "The part “" + part + "” of this page cannot be shown: " + error.message);
      }
    });
  }

  function watch() {
    source = new EventSource("/status/events");
    source.addEventListener("status", event => {
      heardAt = Date.now();
      mended("connection");
      let doc = null;
      try {
        doc = JSON.parse(event.data);
      } catch (error) {
        fault("document", "The worker sent a document that cannot be read: " + error.message);
        return;
      }
      mended("document");
      show(doc);
    });
    source.addEventListener("end", () => {
      source.close();
      lost("The worker has stopped.");
      setTimeout(watch, AGAIN_MS);
    });
    source.onerror = () => {
      lost("No connection to the worker; what is shown is old.");
      if (source.readyState === EventSource.CLOSED) setTimeout(watch, AGAIN_MS);
    };
  }
  function lost(text) {
    fault("connection", text);
    put("state", "no connection");
    element("state").dataset.level = "bad";
  }
  setInterval(() => {
    const silent = Date.now() - heardAt;
    if (silent > SILENT_AFTER_MS) lost("Nothing heard from the worker for " + Math.round(silent / 1000) + " s; what is shown is old.");
  }, 1000);

  watch();
})();
