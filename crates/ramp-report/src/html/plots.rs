//! The plots over the whole campaign, and the values that the pointer shows.

use maud::{Markup, PreEscaped, html};
use plotters::style::RGBColor;
use ramp_core::{
    criterion::Severity,
    signal::{SignalId, Unit},
    tier_result::P99,
    units::Elapsed,
};
use serde_json::{Value, json};

use super::Page;
use crate::{
    chart::{
        self, Bound, FIRST, Line, Plot, SECOND, Scale, Shade, Span, THIRD, WIDTH, tail::TierTail,
        tiers::TierLatency,
    },
    grid::Row,
    timeline::{self, Track, TrackUnit, millis},
};

/// What one plot shows.
struct Figure {
    id: &'static str,
    heading: &'static str,
    tracks: Vec<(SignalId, String)>,
    scale: Scale,
    bounds: Vec<Bound>,
    /// What the dashed line is.
    bound: &'static str,
}

impl Page<'_> {
    pub(super) fn plots(&self) -> Markup {
        let shades = Shade::all(self.report);
        let span = Span::of(self.report);
        let figures = [self.rates(), self.latency_plot(), self.lags(), self.resources()];
        let body = html! {
            (self.tier_latencies())
            (self.tails())
            (self.heat(&shades, span))
            @for figure in &figures { (self.figure(figure, &shades, span)) }
            p.note {
                (self.t(
                    "Les paliers sont ombrés selon leur verdict. Une bande va du minimum au maximum de chaque intervalle, toutes séries confondues ; la ligne est la dernière valeur. Une interruption de la ligne est une absence de mesure.",
                    "Tiers are shaded by their verdict. A band goes from the lowest to the highest value of each interval, over all series; the line is the last value. Where a line breaks, there was no measurement.",
                ))
                span.interactive {
                    " " (self.t("Au clavier : flèches gauche et droite sur un graphique.", "By keyboard: left and right arrows on a plot."))
                }
            }
            script #timeline type="application/json" { (PreEscaped(self.values())) }
        };
        self.section("plots", self.t("Toute la campagne", "The whole campaign"), &body)
    }

    /// The latencies of every tier beside its bound.
    fn tier_latencies(&self) -> Markup {
        let probes = Row::probes(self.report);
        let measured = self.rows.iter().chain(&probes).filter_map(|row| {
            let P99::Measured { value, range, .. } = row.p99() else { return None };
            let latency = row.result?.latency.as_ref()?;
            Some(TierLatency {
                name: row.tier.name.clone(),
                bound: row.tier.p99_bound,
                p50: latency.p50,
                p99: *value,
                range: *range,
                max: latency.max,
            })
        });
        let measured: Vec<_> = measured.collect();
        let heading = self.t(
            "Latence de chaque palier (échelle logarithmique)",
            "Latency of each tier (logarithmic scale)",
        );
        let label = |value: f64| self.logarithmic(value);
        let Some(svg) = chart::tiers::draw(&measured, &label) else { return html! {} };
        let described = measured.iter().map(|tier| {
            let name = crate::label::visible(&tier.name);
            format!("{name} : p99 {} / {}", self.locale.millis(tier.p99), self.locale.millis(tier.bound))
        });
        let described: Vec<_> = described.collect();
        html! {
            figure #tier-latency {
                h3 { (heading) }
                p.legend {
                    @for (place, name) in ["p50", "p99", "max"].iter().enumerate() {
                        span.key { span.swatch.{ "s" (place) } {} (name) } " "
                    }
                    span.key { span.swatch.bound {} (self.t("borne du p99", "p99 bound")) }
                }
                div.still tabindex="0" role="img" aria-label={ (heading) ". " (described.join(" ; ")) } { (PreEscaped(svg)) }
            }
        }
    }

    /// The whole distribution of every tier's latencies.
    fn tails(&self) -> Markup {
        let probes = Row::probes(self.report);
        let measured = self.rows.iter().chain(&probes).filter_map(|row| {
            let latency = row.result?.latency.as_ref().filter(|latency| !latency.tail.is_empty())?;
            let (name, bound) = (row.tier.name.as_str(), row.tier.p99_bound);
            Some(TierTail { name, bound, points: &latency.tail, max: latency.max })
        });
        let measured: Vec<_> = measured.collect();
        let Some(svg) = chart::tail::draw(&measured, &|value| self.logarithmic(value)) else {
            return html! {};
        };
        let heading = self.t(
            "Distribution des latences de chaque palier (échelles logarithmiques)",
            "Distribution of each tier's latencies (logarithmic scales)",
        );
        let described = measured.iter().map(|TierTail { name, points, .. }| {
            let one_in = |depth| points.iter().find(|point| point.one_in == depth);
            let named = [(2, "p50"), (10, "p90"), (100, "p99"), (1_000, "p99.9")].into_iter();
            let figures = named.filter_map(|(depth, name)| {
                Some(format!("{name} {}", self.locale.millis(one_in(depth)?.latency)))
            });
            format!("{} : {}", crate::label::visible(name), figures.collect::<Vec<_>>().join(", "))
        });
        let described: Vec<_> = described.collect();
        html! {
            figure #tier-distribution {
                h3 { (heading) }
                p.legend { span.key { span.swatch.bound {} (self.t("borne du p99", "p99 bound")) } }
                div.still tabindex="0" role="img" aria-label={ (heading) ". " (described.join(" ; ")) } { (PreEscaped(svg)) }
                figcaption {
                    (self.t(
                        "Depuis l'heure d'envoi prévue ; un enregistrement qui n'est pas arrivé compte avec son âge.",
                        "From the intended send time; a record that has not arrived counts with its age.",
                    ))
                }
            }
        }
    }

    fn rates(&self) -> Figure {
        let target = self.bounds(|result, _| Some(f64::from(result.rate.get())));
        Figure {
            id: "rate",
            heading: self.t_static("Débit (msg/s)", "Rate (msg/s)"),
            tracks: vec![
                (timeline::OFFERED, self.t("offert", "offered").to_owned()),
                (
                    timeline::ACKNOWLEDGED,
                    self.t("acquitté par la source", "acknowledged by the source").to_owned(),
                ),
                (timeline::ARRIVED, self.t("arrivé sur la cible", "arrived on the target").to_owned()),
            ],
            scale: Scale::Linear { least_top: 1.0 },
            bounds: target,
            bound: self.t_static("débit visé", "target rate"),
        }
    }

    fn latency_plot(&self) -> Figure {
        Figure {
            id: "latency-time",
            heading: self.t_static(
                "Latence depuis le début du palier (échelle logarithmique)",
                "Latency since the tier's start (logarithmic scale)",
            ),
            tracks: vec![
                (timeline::LATENCY_P50, "p50".to_owned()),
                (timeline::LATENCY_P99, "p99".to_owned()),
                (timeline::LATENCY_MAX, "max".to_owned()),
            ],
            scale: Scale::Logarithmic,
            bounds: self.bounds(|_, tier| Some(millis(tier.p99_bound))),
            bound: self.t_static("borne du p99", "p99 bound"),
        }
    }

    fn lags(&self) -> Figure {
        Figure {
            id: "lag",
            heading: self.t_static("Lag (enregistrements)", "Lag (records)"),
            tracks: vec![
                (SignalId::LAG, self.t("lag réel", "true lag").to_owned()),
                (self.report.known.active_records.clone(), "Active Records".to_owned()),
            ],
            scale: Scale::Linear { least_top: 10.0 },
            bounds: self.stops(&[SignalId::LAG, self.report.known.active_records.clone()]),
            bound: self.t_static("seuil d'arrêt", "stop threshold"),
        }
    }

    fn resources(&self) -> Figure {
        let known = &self.report.known;
        let signals = [known.cpu.clone(), known.memory.clone(), known.buffer.clone()];
        let names = [
            self.t("CPU du worker", "worker CPU"),
            self.t("mémoire du worker", "worker memory"),
            self.t("tampon du producteur", "producer buffer"),
        ];
        Figure {
            id: "resources",
            heading: self.t_static("Ressources (%)", "Resources (%)"),
            bounds: self.stops(&signals),
            tracks: signals.into_iter().zip(names.map(str::to_owned)).collect(),
            scale: Scale::Linear { least_top: 100.0 },
            bound: self.t_static("seuils d'arrêt", "stop thresholds"),
        }
    }

    fn figure(&self, figure: &Figure, shades: &[Shade], span: Span) -> Markup {
        let timeline = &self.report.timeline;
        let heard = |(id, name): &(SignalId, String)| {
            let track = timeline.track(id).filter(|track| track.buckets.iter().any(|b| b.values.is_some()));
            track.map(|track| (track, name.clone()))
        };
        let tracks: Vec<_> = figure.tracks.iter().map(heard).collect();
        let silent = figure.tracks.iter().zip(&tracks).filter(|(_, track)| track.is_none());
        let silent: Vec<_> = silent.map(|((_, name), _)| name.clone()).collect();
        let lines = tracks.iter().zip(COLOURS).filter_map(|(track, colour)| {
            let (track, _) = track.as_ref()?;
            Some(self.line(track, colour))
        });
        let plot = Plot {
            span,
            shades,
            lines: lines.collect(),
            bounds: figure.bounds.clone(),
            scale: figure.scale,
            label: &|value| self.axis(figure, value),
        };
        let (bounded, omits) = plot.bounds_drawn();
        let left_out = if omits {
            self.t(
                "Un seuil bien au-dessus des mesures n'est pas dessiné.",
                "A threshold far above the measurements is not drawn.",
            )
        } else {
            ""
        };
        let Some(drawn) = plot.draw() else {
            return html! { figure { h3 { (figure.heading) } p { (self.t("Aucune mesure.", "No measurement.")) } } };
        };
        let shown: Vec<_> =
            tracks.iter().enumerate().filter_map(|(place, track)| Some((place, track.as_ref()?))).collect();
        let data = json!({
            "left": f64::from(drawn.left) / f64::from(WIDTH),
            "right": f64::from(drawn.right) / f64::from(WIDTH),
            "from": span.from,
            "to": span.to,
            "tracks": shown.iter().map(|(place, (track, name))| json!([track.id.as_str(), name, place])).collect::<Vec<_>>(),
        });
        let described: Vec<_> = shown.iter().map(|(_, (track, name))| self.extremes(track, name)).collect();
        html! {
            figure #(figure.id) {
                h3 { (figure.heading) }
                p.legend {
                    @for (place, (_, name)) in &shown { span.key { span.swatch.{ "s" (place) } {} (name) } " " }
                    @if bounded { span.key { span.swatch.bound {} (figure.bound) } }
                }
                div.plot tabindex="0" role="img" aria-label={ (figure.heading) ". " (described.join(" ; ")) } data-plot=(data.to_string()) {
                    (PreEscaped(drawn.svg))
                }
                output.reading aria-live="off" {}
                @if !left_out.is_empty() || !silent.is_empty() {
                    figcaption {
                        (left_out)
                        @if !silent.is_empty() {
                            " " (self.t("Sans mesure :", "Without measurement:")) " " (silent.join(", ")) "."
                        }
                    }
                }
            }
        }
    }

    fn line<'t>(&self, track: &'t Track, colour: RGBColor) -> Line<'t> {
        let interval = self.report.plan.signal(&track.id).map_or(2.0, |signal| signal.interval.as_secs_f64());
        let is_latency =
            [timeline::LATENCY_P50, timeline::LATENCY_P99, timeline::LATENCY_MAX].contains(&track.id);
        let within = if is_latency { self.tier_times() } else { Vec::new() };
        Line { track, colour, patience: chart::patience(&self.report.timeline, interval), within }
    }

    /// From the start of each load to the last moment at which one of its records may have been under way.
    fn tier_times(&self) -> Vec<(f64, f64)> {
        let seconds = |at: Elapsed| at.since_start().as_secs_f64();
        let times = self.report.results().filter_map(|result| {
            let recovered = result.recovery.and_then(|recovery| recovery.recovered_after);
            let end = result.stopped?.after(recovered.unwrap_or_default());
            Some((seconds(result.started?), seconds(end) + f64::from(self.report.timeline.bucket_seconds)))
        });
        times.collect()
    }

    /// A bound over the load of each tier that ran.
    pub(super) fn bounds(
        &self,
        value: impl Fn(&ramp_core::tier_result::TierResult, &ramp_core::plan::Tier) -> Option<f64>,
    ) -> Vec<Bound> {
        let bounds = self.report.results().filter_map(|result| {
            let tier = self.report.tier(result.tier)?;
            let (from, to) = (result.started?.since_start(), result.stopped?.since_start());
            let value = value(result, tier)?;
            Some(Bound { from: from.as_secs_f64(), to: to.as_secs_f64(), value })
        });
        bounds.collect()
    }

    /// The stop thresholds of some signals.
    fn stops(&self, signals: &[SignalId]) -> Vec<Bound> {
        let mut bounds: Vec<Bound> = Vec::new();
        for signal in signals {
            let found = self.bounds(|_, tier| {
                let stop = |c: &&ramp_core::criterion::Criterion| {
                    c.signal == *signal && c.severity == Severity::Stop
                };
                tier.criteria.iter().find(stop).map(|criterion| criterion.bound)
            });
            for bound in found {
                let drawn = bounds.iter().any(|known| known.from == bound.from && known.value == bound.value);
                if !drawn {
                    bounds.push(bound);
                }
            }
        }
        bounds
    }

    fn axis(&self, figure: &Figure, value: f64) -> String {
        match figure.scale {
            Scale::Logarithmic => self.logarithmic(value),
            Scale::Linear { .. } => self.locale.number(value, 0),
        }
    }

    /// Milliseconds at a logarithmic axis; seconds from one on.
    pub(super) fn logarithmic(&self, value: f64) -> String {
        if value >= 1_000.0 {
            format!("{} s", self.locale.number(value / 1e3, 0))
        } else {
            self.locale.value(value, Unit::Milliseconds)
        }
    }

    /// What a plot shows of a track, in words.
    fn extremes(&self, track: &Track, name: &str) -> String {
        let values = || track.buckets.iter().filter_map(|bucket| bucket.values);
        let lowest = values().map(|values| values.lowest).fold(f64::INFINITY, f64::min);
        let highest = values().map(|values| values.highest).fold(f64::NEG_INFINITY, f64::max);
        let (lowest, highest) = (self.locale.number(lowest, 0), self.locale.number(highest, 0));
        match self.locale {
            crate::Locale::French => format!("{name} : de {lowest} à {highest}"),
            crate::Locale::English => format!("{name}: from {lowest} to {highest}"),
        }
    }

    /// Every track for the script, such that nothing in it can end the script element.
    fn values(&self) -> String {
        let tracks = self.report.timeline.tracks.iter().map(|track| {
            let buckets = track.buckets.iter().map(|bucket| match bucket.values {
                None => json!([bucket.start]),
                Some(values) if values.lowest == values.highest => json!([bucket.start, round(values.last)]),
                Some(values) => {
                    json!([bucket.start, round(values.last), round(values.lowest), round(values.highest)])
                }
            });
            let unit = match track.unit {
                TrackUnit::RecordsPerSecond => "msg/s",
                TrackUnit::Milliseconds => "ms",
                TrackUnit::Percent => "%",
                TrackUnit::Ratio | TrackUnit::Records | TrackUnit::Count => "",
            };
            (track.id.as_str().to_owned(), json!({ "unit": unit, "at": buckets.collect::<Vec<_>>() }))
        });
        let tracks: serde_json::Map<String, Value> = tracks.collect();
        let all = json!({ "bucket": self.report.timeline.bucket_seconds, "tracks": tracks });
        all.to_string().replace('<', "\\u003c")
    }

    const fn t_static(&self, french: &'static str, english: &'static str) -> &'static str {
        match self.locale {
            crate::Locale::French => french,
            crate::Locale::English => english,
        }
    }
}

/// As precise as a person reads a plot.
fn round(value: f64) -> f64 {
    if value.abs() >= 100.0 { value.round() } else { (value * 100.0).round() / 100.0 }
}

const COLOURS: [RGBColor; 3] = [FIRST, SECOND, THIRD];
