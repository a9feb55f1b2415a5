// The one script of the page: files can be dropped, and progress is shown without loading the page again.
// Everything works without it. It asks nobody but this server.
"use strict";

const drop = document.getElementById("drop");
if (drop) {
  const input = document.getElementById("files");
  const chosen = document.getElementById("chosen");
  for (const hint of document.querySelectorAll(".by-script")) hint.hidden = false;
  const list = () => {
    chosen.replaceChildren(...[...input.files].map(file => {
      const item = document.createElement("li");
      item.textContent = file.name;
      return item;
    }));
  };
  input.addEventListener("change", list);
  for (const kind of ["dragenter", "dragover"]) {
    addEventListener(kind, event => { event.preventDefault(); drop.classList.add("over"); });
  }
  addEventListener("dragleave", event => { if (!event.relatedTarget) drop.classList.remove("over"); });
  addEventListener("drop", event => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; list(); }
  });
}

const progress = document.getElementById("progress");
if (progress) {
  const labels = {
    finding: ["▲", "Finding"], pass: ["○", "No finding"], inconclusive: ["◇", "Inconclusive"],
    not_assessable: ["–", "Not assessable"], error: ["✕", "Unreadable"],
  };
  const show = (cell, text) => {
    const verdict = text.verdicts[0];
    if (!verdict) {
      cell.textContent = text.state === "running" ? `running, ${Math.round(100 * text.share)} %` : text.state;
      return;
    }
    const [sign, words] = labels[verdict];
    const label = document.createElement("span"), hidden = document.createElement("span");
    label.className = `label ${verdict}`;
    hidden.setAttribute("aria-hidden", "true");
    hidden.textContent = sign;
    label.append(hidden, ` ${words}`);
    cell.replaceChildren(label);
  };
  const look = async () => {
    const answer = await fetch(progress.dataset.state, {headers: {accept: "application/json"}});
    if (!answer.ok) { location.reload(); return; }
    const job = await answer.json();
    if (job.state !== "waiting" && job.state !== "running") { location.reload(); return; }
    const done = job.texts.filter(text => text.state === "finished").length;
    const minutes = job.seconds_left === null ? 0 : Math.ceil(job.seconds_left / 60);
    const left = minutes > 1 ? ` About ${minutes} minutes are left.` : "";
    const said = `${done} of ${job.texts.length} text${job.texts.length === 1 ? "" : "s"} judged.${left}`;
    if (progress.textContent !== said) progress.textContent = said;  // only changes are read out
    document.title = `${done} of ${job.texts.length} – llm-audit`;
    document.getElementById("all").value = job.texts.reduce((sum, text) => sum + text.share, 0);
    job.texts.forEach((text, number) => show(document.getElementById(`item-${number}`), text));
    setTimeout(look, 700);
  };
  look();
}
