//! The form, filled in, as Markdown.

use std::fmt::Write;

use ramp_core::{
    capacity::Capacity,
    plan::Tier,
    signal::Unit,
    verdict::{Verdict, Weight},
};

use crate::{
    Locale, Report,
    grid::{Checklist, Row},
    label::{columns, is_invisible, sentence, short},
};

/// The report in the form's own order: grid, recoveries, capacity, recommendation, checklist; then what lies behind.
#[must_use]
pub fn render(report: &Report, locale: Locale) -> String {
    let mut page = Page { report, locale, rows: Row::all(report), text: String::new(), notes: Vec::new() };
    page.title();
    page.grid();
    page.recoveries();
    page.capacity();
    page.checklist();
    page.refined();
    page.limits();
    page.measured();
    page.losses();
    page.findings();
    page.run();
    page.text
}

struct Page<'a> {
    report: &'a Report,
    locale: Locale,
    rows: Vec<Row<'a>>,
    text: String,
    /// The footnotes so far: why a cell is empty.
    notes: Vec<String>,
}

impl Page<'_> {
    fn title(&mut self) {
        let title = self.locale.form_title();
        let name = literal(&self.report.facts.name);
        self.line(&format!("# {title}\n\n{name}, {}", self.report.facts.started));
        if self.report.ending.is_none() {
            let unfinished =
                self.t("La campagne n'est pas terminée.", "The campaign is not over.").to_owned();
            self.line(&format!("\n**{unfinished}**"));
        }
    }

    fn grid(&mut self) {
        self.heading("Grille de Résultats", "Results Grid");
        let head = self.t(
            "| Palier | msg/s | Latence Avg | Latence Max | Lag | CPU % | Résultat |",
            "| Tier | msg/s | Latency Avg | Latency Max | Lag | CPU % | Result |",
        );
        self.line(&format!(
            "{head}\n|--------|-------|-------------|-------------|-----|-------|----------|"
        ));
        let mut notes = Vec::new();
        let locale = self.locale;
        for row in &self.rows {
            let mut cell =
                |value: Option<String>| value.unwrap_or_else(|| note(&mut notes, &why_empty(row, locale)));
            let millis = |value| locale.value(value, Unit::Milliseconds);
            let cells = [
                literal(&row.tier.name),
                row.tier.rate.get().to_string(),
                cell(row.latency_avg.map(millis)),
                cell(row.latency_max.map(millis)),
                cell(row.lag.map(|lag| locale.whole(lag))),
                cell(row.cpu.map(|cpu| format!("{} %", locale.number(cpu, 0)))),
                self.boxes(row),
            ];
            let _ = writeln!(self.text, "| {} |", cells.join(" | "));
        }
        self.footnotes(notes);
    }

    /// Writes the footnotes that are not there yet.
    fn footnotes(&mut self, notes: Vec<String>) {
        for (place, text) in notes.iter().enumerate().skip(self.notes.len()) {
            let _ = write!(self.text, "\n[^{}]: {text}\n", place + 1);
        }
        self.notes = notes;
    }

    fn recoveries(&mut self) {
        self.heading("Temps de Récupération par Palier", "Recovery Time per Tier");
        let floor = self.report.plan.recovery().floor;
        let head = match self.locale {
            Locale::French => format!("| Palier | Lag max pendant | Temps récup à <{floor} |"),
            Locale::English => format!("| Tier | Highest lag | Time to recover below {floor} |"),
        };
        self.line(&format!("{head}\n|--------|-----------------|---------------------|"));
        let locale = self.locale;
        let mut notes = self.notes.clone();
        for row in &self.rows {
            let lag = row.lag.map(|lag| locale.whole(lag));
            let lag = lag.unwrap_or_else(|| note(&mut notes, &why_empty(row, locale)));
            let time = row.recovered_after.map(|time| locale.minutes(time));
            let time = time.unwrap_or_else(|| note(&mut notes, &why_not_recovered(row, locale)));
            let _ = writeln!(self.text, "| {} | {lag} | {time} |", literal(&row.tier.name));
        }
        self.footnotes(notes);
    }

    fn capacity(&mut self) {
        self.heading("Capacité Maximale Validée", "Validated Maximum Capacity");
        let locale = self.locale;
        let last = self.t("Dernier palier GO", "Last GO tier");
        let share = (self.report.plan.recommended().get() * 100.0).round();
        let of_capacity = self.t("de la capacité max", "of the maximum capacity");
        let (validated, recommended) = match self.report.capacity {
            None => (self.t("aucun", "none").to_owned(), DASH.to_owned()),
            Some(Capacity { validated, exact, recommended }) => {
                let at_least = if exact { "" } else { "≥ " };
                let rate = |rate: u32| format!("{} msg/s", locale.whole(rate.into()));
                let tier = self.report.plan.tiers().iter().find(|tier| tier.rate == validated);
                let name = tier.map_or(DASH, |tier: &Tier| tier.name.as_str());
                let recommended = recommended.map_or_else(|| DASH.to_owned(), |share| rate(share.get()));
                (format!("{name} = {at_least}{}", rate(validated.get())), recommended)
            }
        };
        let colon = self.t(" :", ":");
        self.line(&format!("```\n{last}{colon} {validated}\n```"));
        self.heading("Capacité Recommandée pour Prod", "Recommended Capacity for Production");
        self.line(&format!("```\n{share}% {of_capacity} = {recommended}\n```\n"));
        let why = self.t(
            "**Justification** : Marge pour pics, GC, maintenance",
            "**Reason**: margin for peaks, garbage collection, maintenance",
        );
        self.line(why);
    }

    fn checklist(&mut self) {
        self.heading("Checklist Phase 4", "Checklist Phase 4");
        let list = Checklist::of(self.report);
        let mut table = self.t("| Critère | Résultat |", "| Criterion | Result |").to_owned();
        table.push_str("\n|---------|----------|");
        for (done, what) in list.items(self.locale) {
            let _ = write!(table, "\n| {what} | {} |", ticked(done));
        }
        let end = self.t("**Phase 4 terminée** :", "**Phase 4 done**:");
        let go = self.t("GO pour Phase 5", "GO for phase 5");
        let _ = write!(table, "\n\n{end} {} {go}", ticked(list.is_complete()));
        self.line(&table);
    }

    fn refined(&mut self) {
        let Some(refined) = &self.report.refined else { return };
        self.heading("Recherche de la limite", "Search for the limit");
        let locale = self.locale;
        let mut table = format!("{}\n\n", sentence(&locale.refined(refined)));
        table.push_str(self.t("| Essai | msg/s | p99 | Résultat |", "| Probe | msg/s | p99 | Result |"));
        table.push_str("\n|---|---|---|---|");
        for row in Row::probes(self.report) {
            let (name, rate) = (literal(&row.tier.name), locale.whole(row.tier.rate.get().into()));
            let p99 = locale.p99(row.p99()).unwrap_or_else(|| DASH.to_owned());
            let _ = write!(table, "\n| {name} | {rate} | {p99} | {} |", self.boxes(&row));
        }
        self.line(&table);
    }

    fn measured(&mut self) {
        self.heading("Latence mesurée de bout en bout", "Latency measured end to end");
        let why = self.t(
            "Chaque enregistrement, de son heure d'envoi prévue à son arrivée sur la cible ; \
             ce qui n'est pas arrivé compte avec son âge.",
            "Each record, from its intended send time to its arrival on the target; what has not arrived counts by its age.",
        );
        let head = self.t(
            "| Palier | Borne p99 | p99 | Origine | Intervalle à 95 % | Échantillons | Hors borne | Tolérés | Moyenne | Max | Active Records |",
            "| Tier | p99 bound | p99 | From | 95 % interval | Samples | Beyond it | Allowed | Mean | Max | Active Records |",
        );
        let mut table = format!("{why}\n\n{head}\n|---|---|---|---|---|---|---|---|---|---|---|");
        let locale = self.locale;
        let probes = Row::probes(self.report);
        for row in self.rows.iter().chain(&probes) {
            let latency = row.result.and_then(|result| result.latency.as_ref());
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| DASH.to_owned());
            let millis = |span: Option<_>| or_dash(span.map(|span| locale.millis(span)));
            let count = |number: Option<u64>| or_dash(number.map(|number| locale.whole(number)));
            let cells = [
                literal(&row.tier.name),
                locale.millis(row.tier.p99_bound),
                or_dash(locale.p99(row.p99())),
                locale.provenance(row.p99(), row.latency()),
                or_dash(row.p99_range().map(|range| locale.interval(range))),
                count(latency.map(|latency| latency.offered)),
                count(latency.map(|latency| latency.violations())),
                count(latency.map(|latency| latency.offered / 100)),
                millis(latency.and_then(|latency| latency.mean)),
                millis(latency.and_then(|latency| latency.max)),
                row.active_records.map_or_else(|| DASH.to_owned(), |value| locale.number(value, 0)),
            ];
            let _ = write!(table, "\n| {} |", cells.join(" | "));
        }
        self.line(&table);
    }

    fn losses(&mut self) {
        self.heading("Enregistrements", "Records");
        let head = self.t(
            "| Palier | Offerts | Acquittés | En échec | Arrivés | Perdus | Répétés | Désordonnés |",
            "| Tier | Offered | Acknowledged | Failed | Arrived | Lost | Repeated | Reordered |",
        );
        let mut table = format!("{head}\n|---|---|---|---|---|---|---|---|");
        let locale = self.locale;
        let probes = Row::probes(self.report);
        for row in self.rows.iter().chain(&probes) {
            let ran = row.result.filter(|result| result.started.is_some());
            let load = ran.map(|result| &result.load);
            let latency = ran.and_then(|result| result.latency.as_ref());
            // Only the end of a recovery says that a record is lost and not merely late.
            let lost = ran.and_then(|result| Some(result.recovery?.outstanding));
            let count = |number: Option<u64>| number.map_or_else(|| DASH.to_owned(), |n| locale.whole(n));
            let cells = [
                literal(&row.tier.name),
                count(load.map(|load| load.offered)),
                count(load.map(|load| load.acknowledged)),
                count(load.map(|load| load.failed)),
                count(latency.map(|latency| latency.arrived)),
                count(lost),
                count(latency.map(|latency| latency.duplicates)),
                count(latency.map(|latency| latency.reordered)),
            ];
            let _ = write!(table, "\n| {} |", cells.join(" | "));
        }
        self.line(&table);
    }

    fn limits(&mut self) {
        if self.report.results().all(|result| result.verdict == Verdict::Go) {
            return;
        }
        self.heading("Pourquoi la montée s'est arrêtée", "Why the ramp stopped");
        if self.report.limits.is_empty() {
            return self.line(self.locale.no_limit(self.report.knows_tasks));
        }
        for likely in &self.report.limits {
            let tier = self.report.tier(likely.tier).map_or(DASH, |tier| tier.name.as_str());
            let (limit, meaning) =
                (self.locale.limit_name(likely.limit), sentence(self.locale.limit_meaning(likely.limit)));
            let clues = literal(&self.locale.clues(likely));
            let _ = writeln!(self.text, "- **{}** · {limit}. {meaning}\n  - {clues}", literal(tier));
        }
        let note = format!("\n{}", self.locale.limits_note(self.report.knows_tasks));
        self.line(&note);
    }

    fn findings(&mut self) {
        self.heading("Constats", "Findings");
        let probes = Row::probes(self.report);
        if self.report.results().all(|result| result.findings.is_empty()) {
            let none = self.t("Aucun.", "None.").to_owned();
            return self.line(&none);
        }
        for row in self.rows.iter().chain(&probes) {
            let Some(result) = row.result.filter(|result| !result.findings.is_empty()) else { continue };
            let verdict = self.locale.verdict(result.verdict);
            let _ = writeln!(self.text, "- **{}** ({verdict})", literal(&row.tier.name));
            for finding in &result.findings {
                let mark = match finding.weight() {
                    Weight::Stop => "STOP",
                    Weight::Insufficient => self.t("insuffisant", "insufficient"),
                    Weight::Warning => self.t("alerte", "warning"),
                };
                let _ = writeln!(self.text, "  - {mark} · {}", literal(&self.locale.finding(finding)));
            }
        }
        if let Some(over) = self.report.overrun {
            let over = self.locale.minutes(over);
            let text = match self.locale {
                Locale::French => format!("\nDurée prévue dépassée de {over}."),
                Locale::English => format!("\nThe planned time was exceeded by {over}."),
            };
            self.line(&text);
        }
    }

    fn run(&mut self) {
        self.heading("Exécution", "Run");
        let facts = &self.report.facts;
        let mut text = format!(
            "- source: `{}`\n- target: `{}`\n- Prometheus: `{}`\n- payload: `{}`\n- topics: {}",
            code(&facts.source),
            code(&facts.target),
            code(&facts.prometheus),
            code(&facts.payload),
            literal(&facts.topics.join(", ")),
        );
        let warmup = self.report.warmup.map(|warmup| self.locale.warmup(warmup));
        text.extend(warmup.map(|(name, warmup)| format!("\n- {name}: {warmup}")));
        let journal = self.report.journal_sha256.iter();
        text.extend(journal.map(|hash| format!("\n- journal (SHA-256): `{}`", code(hash))));
        for (log, hash) in &self.report.latency_logs {
            let _ = write!(text, "\n- {} (SHA-256): `{}`", literal(log), code(hash));
        }
        for (program, version) in &facts.versions {
            let _ = write!(text, "\n- {}: {}", literal(program), literal(version));
        }
        for (name, value) in &facts.variables {
            let _ = write!(text, "\n- `${}` = `{}`", code(name), code(value));
        }
        for query in &facts.queries {
            let (panel, dashboard) = (literal(&query.panel), literal(&query.dashboard));
            let signal = literal(query.signal.as_str());
            let _ = write!(text, "\n- {signal} ({dashboard}, {panel}): `{}`", code(&query.expression));
            if let Some(panel) = &query.panel_expression {
                let _ = write!(text, "\n  - {} `{}`", self.t("panneau :", "panel:"), code(panel));
            }
            let found = query.found.iter().map(|found| self.locale.found(found));
            for note in found.chain(query.notes.iter().map(|note| literal(note))) {
                let _ = write!(text, "\n  - {note}");
            }
        }
        self.line(&text);
    }

    fn boxes(&self, row: &Row<'_>) -> String {
        let (go, stop) = match row.verdict() {
            Some(Verdict::Go) => (true, false),
            Some(Verdict::Stop) => (false, true),
            Some(Verdict::Inconclusive) | None => (false, false),
        };
        let inconclusive = match row.verdict() {
            Some(Verdict::Inconclusive) => self.t(" (non concluant)", " (inconclusive)"),
            Some(Verdict::Go | Verdict::Stop) | None => "",
        };
        format!("{} GO {} STOP{inconclusive}", ticked(go), ticked(stop))
    }

    fn heading(&mut self, french: &str, english: &str) {
        let heading = self.t(french, english);
        let _ = write!(self.text, "\n## {heading}\n\n");
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    const fn t<'t>(&self, french: &'t str, english: &'t str) -> &'t str {
        self.locale.of(french, english)
    }
}

/// The mark of a footnote.
fn note(notes: &mut Vec<String>, text: &str) -> String {
    let place = notes.iter().position(|known| known == text).unwrap_or_else(|| {
        notes.push(text.to_owned());
        notes.len() - 1
    });
    format!("{DASH}[^{}]", place + 1)
}

fn why_empty(row: &Row<'_>, locale: Locale) -> String {
    let Some(result) = row.result else {
        return locale.of("Palier non atteint.", "Tier not reached.").to_owned();
    };
    let mut findings = result.findings.iter().filter(|finding| finding.weight() == Weight::Insufficient);
    findings.next().map_or_else(
        || locale.of("Aucune mesure valable.", "No valid measurement.").to_owned(),
        |finding| literal(&locale.finding(finding)),
    )
}

fn why_not_recovered(row: &Row<'_>, locale: Locale) -> String {
    match row.result.map(|result| result.recovery) {
        None | Some(None) => why_empty(row, locale),
        Some(Some(recovery)) => {
            let waited = locale.minutes(recovery.waited);
            match locale {
                Locale::French => format!("Lag encore au-dessus du seuil après {waited}."),
                Locale::English => format!("The lag was still above the floor after {waited}."),
            }
        }
    }
}

const fn ticked(done: bool) -> &'static str {
    if done { "☑" } else { "☐" }
}

/// A table of Markdown from its head and rows, whose columns are aligned for those who read it as it is. The cells are
/// Markdown themselves: what comes from outside has to be [`literal`].
#[must_use]
pub fn table(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| columns(cell)).max();
    let widths: Vec<_> =
        (0..rows.first().map_or(0, Vec::len)).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for (place, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "| {cell}{} ", " ".repeat(width.saturating_sub(columns(cell))));
        }
        text.push_str("|\n");
        if place == 0 {
            widths.iter().for_each(|width| {
                let _ = write!(text, "|{}", "-".repeat(width + 2));
            });
            text.push_str("|\n");
        }
    }
    text
}

/// Text that stays text within a table: whoever names a label names no markup and no second line.
#[must_use]
pub fn literal(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in short(text).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '$' => safe.extend(['\\', c]),
            c if is_invisible(c) => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// Text within a code span.
fn code(text: &str) -> String {
    let visible = |c: char| match c {
        '`' => '\'',
        c if is_invisible(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(visible).collect()
}

const DASH: &str = "—";
