//! The heatmap of latencies over time.

use maud::{Markup, PreEscaped, html};

use super::Page;
use crate::{
    chart::{
        Plot, Scale, Shade, Span,
        heat::{self, SHADES, SILENT, occupied},
    },
    heat::{BANDS, band_start},
    label::{short, visible},
    timeline::millis,
};

impl Page<'_> {
    /// How latencies were spread over time; nothing where no log of latencies is at hand.
    pub(super) fn heat(&self, shades: &[Shade], span: Span) -> Markup {
        let plot = Plot {
            span,
            shades,
            lines: Vec::new(),
            bounds: self.bounds(|_, tier| Some(millis(tier.p99_bound))),
            scale: Scale::Logarithmic,
            label: &|value| self.logarithmic(value),
        };
        let Some(svg) = heat::draw(&plot, &self.report.heat) else { return html! {} };
        let heading = self.t(
            "Répartition des latences dans le temps (échelle logarithmique)",
            "Spread of latencies over time (logarithmic scale)",
        );
        let described: Vec<_> = shades.iter().map(|shade| self.spread(&plot, shade)).collect();
        let names = ["≤ 1 %", "≤ 10 %", "≤ 40 %", "> 40 %"];
        html! {
            figure #latency-heat {
                h3 { (heading) }
                p.legend {
                    (self.t("Part de l'intervalle :", "Share of the interval:")) " "
                    @for ((_, strength), name) in SHADES.iter().zip(names) {
                        span.key { (swatch("#1F6FC9", *strength)) (name) } " "
                    }
                    span.key {
                        (swatch("#9A6300", SILENT)) (self.t("rien n'est arrivé", "nothing arrived"))
                    } " "
                    span.key { span.swatch.bound {} (self.t("borne du p99", "p99 bound")) }
                }
                div.still tabindex="0" role="img" aria-label={ (heading) ". " (described.join(" ; ")) } { (PreEscaped(svg)) }
                figcaption {
                    (self.t(
                        "Chaque enregistrement à l'heure de son arrivée, depuis son heure d'envoi prévue ; ce qui n'est pas arrivé n'y est pas. Une colonne vide : pas de mesure.",
                        "Each record when it arrived, from its intended send time; what has not arrived is not in it. An empty column: no measurement.",
                    ))
                }
            }
        }
    }

    /// What the heatmap shows of a tier's load, in words.
    fn spread(&self, plot: &Plot<'_>, shade: &Shade) -> String {
        let width = f64::from(self.report.heat.column_seconds());
        let columns = self.report.heat.columns().map(|(start, column)| (f64::from(start), column));
        let columns: Vec<_> =
            columns.filter(|(start, _)| shade.from < start + width && *start < shade.to).collect();
        let mut all = [0_u64; BANDS];
        for (band, count) in columns.iter().flat_map(|(_, column)| column.iter().enumerate()) {
            if let Some(all) = all.get_mut(band) {
                *all = all.saturating_add(*count);
            }
        }
        let silent =
            columns.iter().filter(|(start, column)| heat::is_silent(plot, *start, start + width, column));
        let silent = silent.count() as f64 * width;
        let silent = (silent > 0.0).then(|| {
            let what = self.t("rien n'est arrivé pendant", "nothing arrived for");
            format!("{what} {} s", self.locale.number(silent, 0))
        });
        let name = visible(&short(&shade.label));
        let (Some(lowest), Some(highest)) = (occupied(&all).next(), occupied(&all).last()) else {
            let nothing = self.t("pas de mesure", "no measurement");
            return format!("{name}: {}", silent.as_deref().unwrap_or(nothing));
        };
        let fullest = (0..BANDS).max_by_key(|band| all.get(*band)).unwrap_or_default();
        let value = |band: usize| self.logarithmic(band_start(band));
        let spread = match self.locale {
            crate::Locale::French => format!(
                "{name} : de {} à {}, le plus souvent de {} à {}",
                value(lowest),
                value(highest + 1),
                value(fullest),
                value(fullest + 1)
            ),
            crate::Locale::English => format!(
                "{name}: from {} to {}, most often from {} to {}",
                value(lowest),
                value(highest + 1),
                value(fullest),
                value(fullest + 1)
            ),
        };
        [Some(spread), silent].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// A sample of a cell's colour.
fn swatch(colour: &str, strength: f64) -> Markup {
    html! {
        svg width="18" height="12" aria-hidden="true" { rect width="18" height="12" fill=(colour) opacity=(strength) {} }
    }
}
