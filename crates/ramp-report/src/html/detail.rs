//! What the first screen rests on: the form's tables, the findings with their queries, and the facts of the run.

use std::time::Duration;

use maud::{Markup, html};
use ramp_core::{
    signal::Unit,
    tier_result::TierResult,
    verdict::{Finding, Verdict, Weight},
};

use super::{Page, table};
use crate::{
    QueryFact,
    grid::{Checklist, Row},
    label::{sentence, short, visible},
};

impl Page<'_> {
    pub(super) fn limits(&self) -> Markup {
        if self.report.tiers.iter().all(|result| result.verdict == Verdict::Go) {
            return html! {};
        }
        let body = html! {
            @if self.report.limits.is_empty() {
                p { (self.locale.no_limit(self.report.knows_tasks)) }
            } @else {
                dl.limits {
                    @for likely in &self.report.limits {
                        dt {
                            (self.tier_name(likely.tier)) " · " b { (self.locale.limit_name(likely.limit)) }
                        }
                        dd {
                            p { (sentence(self.locale.limit_meaning(likely.limit))) }
                            p.evidence { (visible(&short(&self.locale.clues(likely)))) }
                        }
                    }
                }
                p.note { (self.locale.limits_note(self.report.knows_tasks)) }
            }
        };
        self.section("limits", self.t("Pourquoi la montée s'est arrêtée", "Why the ramp stopped"), &body)
    }

    pub(super) fn grid(&self) -> Markup {
        let head = [
            self.t("Palier", "Tier"),
            "msg/s",
            self.t("Latence Avg", "Latency Avg"),
            self.t("Latence Max", "Latency Max"),
            "Lag",
            "CPU %",
            self.t("Résultat", "Result"),
        ];
        let rows: Vec<_> = self.rows.iter().map(|row| self.grid_row(row)).collect();
        let heading = self.t("Grille de Résultats", "Results Grid");
        let body = html! {
            (table(heading, &head, &rows))
            p.note {
                (self.t(
                    "Latences : les panneaux, sur les topics chargés. Lag : le plus haut lag réel (acquittés sur la source, pas encore vus sur la cible). CPU : le worker le plus chargé. — : palier non atteint, ou aucune mesure valable.",
                    "Latencies: the panels, on the loaded topics. Lag: the highest true lag (acknowledged on the source, not yet seen on the target). CPU: the busiest worker. —: tier not reached, or no valid measurement.",
                ))
            }
            div.pair { (self.recoveries()) (self.checklist()) }
            (self.search())
        };
        self.section("grid", heading, &body)
    }

    fn grid_row(&self, row: &Row<'_>) -> Vec<Markup> {
        let locale = self.locale;
        let millis = |value: f64| locale.value(value, Unit::Milliseconds);
        vec![
            html! { (visible(&short(&row.tier.name))) },
            html! { (locale.whole(row.tier.rate.get().into())) },
            cell(row.latency_avg.map(millis)),
            cell(row.latency_max.map(millis)),
            cell(row.lag.map(|lag| locale.whole(lag))),
            cell(row.cpu.map(|cpu| format!("{} %", locale.number(cpu, 0)))),
            self.badge(row.verdict()),
        ]
    }

    /// The search for the limit, where there was one.
    fn search(&self) -> Markup {
        let Some(refined) = &self.report.refined else { return html! {} };
        let heading = self.t("Recherche de la limite", "Search for the limit");
        let head = [self.t("Essai", "Probe"), "msg/s", "p99", self.t("Résultat", "Result")];
        let rows = Row::probes(self.report).into_iter().map(|row| {
            vec![
                html! { (visible(&short(&row.tier.name))) },
                html! { (self.locale.whole(row.tier.rate.get().into())) },
                cell(self.locale.p99(row.p99())),
                self.badge(row.verdict()),
            ]
        });
        let rows: Vec<_> = rows.collect();
        html! {
            h3 { (heading) }
            p { (sentence(&self.locale.refined(refined))) }
            (table(heading, &head, &rows))
        }
    }

    fn recoveries(&self) -> Markup {
        let floor = self.locale.whole(self.report.plan.recovery().floor);
        let head = [
            self.t("Palier", "Tier"),
            self.t("Lag max pendant", "Highest lag"),
            &format!("{} <{floor}", self.t("Temps récup à", "Time to recover below")),
        ];
        let rows = self.rows.iter().map(|row| {
            vec![
                html! { (visible(&short(&row.tier.name))) },
                cell(row.lag.map(|lag| self.locale.whole(lag))),
                cell(row.recovered_after.map(|time| self.locale.minutes(time))),
            ]
        });
        let heading = self.t("Temps de Récupération par Palier", "Recovery Time per Tier");
        html! { div { h3 { (heading) } (table(heading, &head, &rows.collect::<Vec<_>>())) } }
    }

    fn checklist(&self) -> Markup {
        let list = Checklist::of(self.report);
        html! {
            div {
                h3 { "Checklist Phase 4" }
                ul.checklist {
                    @for (done, what) in list.items(self.locale) {
                        li.done[done] {
                            span aria-hidden="true" { (if done { "☑" } else { "☐" }) } " " (what)
                            span.hidden { (if done { self.t(" : oui", ": yes") } else { self.t(" : non", ": no") }) }
                        }
                    }
                    li.end.done[list.is_complete()] {
                        span aria-hidden="true" { (if list.is_complete() { "☑" } else { "☐" }) } " "
                        b { (self.t("GO pour Phase 5", "GO for phase 5")) }
                        span.hidden {
                            (if list.is_complete() { self.t(" : oui", ": yes") } else { self.t(" : non", ": no") })
                        }
                    }
                }
            }
        }
    }

    pub(super) fn details(&self) -> Markup {
        html! { (self.latencies()) (self.findings()) (self.run()) }
    }

    fn latencies(&self) -> Markup {
        let measured = self.t("Latence de bout en bout", "End-to-end latency");
        let parts = self.t("D'où vient la latence", "Where the latency comes from");
        let tier = self.t("Palier", "Tier");
        let head = [
            tier,
            self.t("Borne p99", "p99 bound"),
            "p50",
            "p99",
            self.t("Intervalle à 95 %", "95 % interval"),
            self.t("Origine du p99", "p99 is"),
            "Max",
            self.t("Hors borne", "Beyond it"),
            self.t("Tolérés", "Allowed"),
            self.t("Offerts", "Offered"),
        ];
        let parts_head = [
            tier,
            self.t("Retard d'envoi p99", "p99 send lateness"),
            self.t("Acquittement p99", "p99 acknowledgement"),
            self.t("Réplication Avg (panneau)", "Replication avg (panel)"),
            self.t("Réplication Max (panneau)", "Replication max (panel)"),
            self.t("Moyenne de bout en bout", "End-to-end mean"),
        ];
        let probes = Row::probes(self.report);
        let all = || self.rows.iter().chain(&probes);
        let rows: Vec<_> = all().map(|row| self.latency_row(row)).collect();
        let parts_rows: Vec<_> = all().map(|row| self.parts_row(row)).collect();
        let body = html! {
            (table(measured, &head, &rows))
            p.note {
                (self.t(
                    "Chaque enregistrement, de son heure d'envoi prévue à son arrivée sur la cible ; ce qui n'est pas arrivé compte avec son âge.",
                    "Each record, from its intended send time to its arrival on the target; what has not arrived counts by its age.",
                ))
            }
            h3 { (parts) }
            (table(parts, &parts_head, &parts_rows))
            p.note {
                (self.t(
                    "Retard d'envoi : de l'heure prévue à la remise au client. Acquittement : de là à l'acquittement de la source. Réplication : de l'horodatage sur la source à l'acquittement de la cible, selon l'horloge du worker. Des percentiles ne s'additionnent pas.",
                    "Send lateness: from the intended time to the hand-over to the client. Acknowledgement: from there to that of the source. Replication: from the timestamp on the source to the target's acknowledgement, by the worker's clock. Percentiles do not add up.",
                ))
            }
        };
        self.section("latency", measured, &body)
    }

    fn latency_row(&self, row: &Row<'_>) -> Vec<Markup> {
        let locale = self.locale;
        let latency = row.result.and_then(|result| result.latency.as_ref());
        let span = |span: Option<Duration>| cell(span.map(|span| locale.millis(span)));
        let count = |number: Option<u64>| cell(number.map(|number| locale.whole(number)));
        vec![
            html! { (visible(&short(&row.tier.name))) },
            html! { (locale.millis(row.tier.p99_bound)) },
            span(latency.and_then(|latency| latency.p50)),
            cell(locale.p99(row.p99())),
            cell(row.p99_range().map(|range| locale.interval(range))),
            html! { (locale.provenance(row.p99(), row.latency())) },
            span(latency.and_then(|latency| latency.max)),
            count(latency.map(|latency| latency.violations())),
            count(latency.map(|latency| latency.offered / 100)),
            count(latency.map(|latency| latency.offered)),
        ]
    }

    fn parts_row(&self, row: &Row<'_>) -> Vec<Markup> {
        let locale = self.locale;
        let latency = row.result.and_then(|result| result.latency.as_ref());
        let span = |span: Option<Duration>| cell(span.map(|span| locale.millis(span)));
        let panel = |value: Option<f64>| cell(value.map(|value| locale.value(value, Unit::Milliseconds)));
        let ran = row.result.filter(|result| result.started.is_some());
        vec![
            html! { (visible(&short(&row.tier.name))) },
            span(ran.map(|result| result.load.lateness_p99)),
            span(ran.and_then(|result| result.load.ack_p99)),
            panel(row.latency_avg),
            panel(row.latency_max),
            span(latency.and_then(|latency| latency.mean)),
        ]
    }

    fn findings(&self) -> Markup {
        let probes = Row::probes(self.report);
        let with_any = || self.rows.iter().chain(&probes).filter_map(|row| Some((row, row.result?)));
        let body = html! {
            @if self.report.results().all(|result| result.findings.is_empty()) {
                p { (self.t("Aucun.", "None.")) }
            }
            @for (row, result) in with_any().filter(|(_, result)| !result.findings.is_empty()) {
                h3 { (visible(&short(&row.tier.name))) " " (self.badge(row.verdict())) }
                ul.findings {
                    @for finding in &result.findings { (self.finding(result, finding)) }
                }
            }
            @if let Some(over) = self.report.overrun {
                p { (self.t("Durée prévue dépassée de", "The planned time was exceeded by")) " " (self.locale.minutes(over)) }
            }
        };
        self.section("findings", self.t("Constats", "Findings"), &body)
    }

    fn finding(&self, result: &TierResult, finding: &Finding) -> Markup {
        let (class, word) = match finding.weight() {
            Weight::Stop => ("stop", "STOP"),
            Weight::Insufficient => ("open", self.t("insuffisant", "insufficient")),
            Weight::Warning => ("warning", self.t("alerte", "warning")),
        };
        let query = finding.signal().and_then(|signal| self.query_of(signal.as_str()));
        html! {
            li {
                span.badge.(class) { (word) } " "
                (visible(&short(&self.locale.finding(finding))))
                @if let Some(query) = query { (self.links(query, Some(result))) }
            }
        }
    }

    fn query_of(&self, signal: &str) -> Option<&QueryFact> {
        self.report.facts.queries.iter().find(|query| query.signal.as_str() == signal)
    }

    fn run(&self) -> Markup {
        let facts = &self.report.facts;
        let plain = |name: &str, value: String| vec![html! { (name) }, html! { code { (value) } }];
        let mut rows = vec![
            plain("source", visible(&short(&facts.source))),
            plain(self.t("cible", "target"), visible(&short(&facts.target))),
            plain("Prometheus", visible(&short(&facts.prometheus))),
            plain(self.t("contenu", "payload"), visible(&short(&facts.payload))),
            plain("topics", visible(&short(&facts.topics.join(", ")))),
        ];
        let warmup = self.report.warmup.map(|warmup| self.locale.warmup(warmup));
        rows.extend(warmup.map(|(name, warmup)| vec![html! { (name) }, html! { (warmup) }]));
        rows.extend(self.report.journal_sha256.iter().map(|hash| plain("journal (SHA-256)", visible(hash))));
        let logs = self.report.latency_logs.iter();
        rows.extend(logs.map(|(log, hash)| plain(&visible(&format!("{log} (SHA-256)")), visible(hash))));
        let pairs = facts.versions.iter().map(|(program, version)| (program.clone(), version));
        let variables = facts.variables.iter().map(|(name, value)| (format!("${name}"), value));
        rows.extend(
            pairs
                .chain(variables)
                .map(|(name, value)| plain(&visible(&short(&name)), visible(&short(value)))),
        );
        let queries = facts.queries.iter().map(|query| {
            let text = visible(&query.expression);
            vec![
                html! { (visible(&short(query.signal.as_str()))) },
                html! { (visible(&short(&query.dashboard))) br; (visible(&short(&query.panel))) },
                html! {
                    code { (text) }
                    (self.links(query, None))
                    @if let Some(panel) = &query.panel_expression {
                        p.note { (self.t("panneau : ", "panel: ")) code { (visible(panel)) } }
                    }
                    @if let Some(found) = &query.found { p.note { (self.locale.found(found)) } }
                    @for note in &query.notes { p.note { (visible(&short(note))) } }
                },
            ]
        });
        let queries: Vec<_> = queries.collect();
        let heading = self.t("Exécution", "Run");
        let asked = self.t("Requêtes", "Queries");
        let head = [self.t("Signal", "Signal"), self.t("Panneau", "Panel"), self.t("Requête", "Query")];
        let body = html! {
            (table(heading, &[self.t("Quoi", "What"), self.t("Valeur", "Value")], &rows))
            @if !facts.configuration.is_empty() { (self.configuration()) }
            @if !queries.is_empty() { h3 { (asked) } (table(asked, &head, &queries)) }
        };
        self.section("run", heading, &body)
    }

    /// What the run was configured with: long, and seldom asked for.
    fn configuration(&self) -> Markup {
        let rows = self.report.facts.configuration.iter();
        let rows = rows.map(|(key, value)| {
            vec![html! { code { (visible(&short(key))) } }, html! { code { (visible(&short(value))) } }]
        });
        let rows: Vec<_> = rows.collect();
        let head = [self.t("Clé de ramp.toml", "Key of ramp.toml"), self.t("Valeur", "Value")];
        html! {
            details {
                summary { "Configuration" }
                p.note {
                    (self.t(
                        "Telle que l'exécution l'avait, options et variables comprises. *** : présent, non montré.",
                        "As the run had it, flags and variables included. ***: present, not shown.",
                    ))
                }
                (table("Configuration", &head, &rows))
            }
        }
    }

    fn tier_name(&self, place: usize) -> String {
        self.report.tier(place).map_or_else(String::new, |tier| visible(&short(&tier.name)))
    }
}

/// A cell; one without a value says so.
fn cell(value: Option<String>) -> Markup {
    match value {
        Some(value) => html! { (value) },
        None => html! { span.absent { "—" } },
    }
}
