//! Why a tier stopped, in words.

use ramp_core::{component::Standing, observation::LoadLimit};

use crate::{
    Locale,
    limit::{Clue, Likely, Limit},
};

impl Locale {
    /// A limit as the name of a part.
    pub(crate) const fn limit_name(self, limit: Limit) -> &'static str {
        match limit {
            Limit::Target => self.of_static("écriture sur la cible", "writing to the target"),
            Limit::Source => self.of_static("lecture de la source", "reading from the source"),
            Limit::WorkerCpu => self.of_static("CPU du worker", "the worker's CPU"),
            Limit::WorkerMemory => self.of_static("mémoire du worker", "the worker's memory"),
            Limit::OneSeries => self.of_static("une partition ou un worker", "one partition or worker"),
            Limit::Task => self.of_static("tâche de réplication", "the replication's task"),
            Limit::SourceBrokers => self.of_static("brokers de la source", "the source's brokers"),
            Limit::Generator => self.of_static("générateur de charge", "the load generator"),
        }
    }

    /// What it means that a part is the limit, and what to look at next.
    pub(crate) const fn limit_meaning(self, limit: Limit) -> &'static str {
        match limit {
            Limit::Target => self.of_static(
                "le worker a lu plus qu'il n'a pu écrire : quota, débit ou latence de la cible",
                "the worker had read more than it could write: a quota, the throughput or the latency of the target",
            ),
            Limit::Source => self.of_static(
                "les enregistrements attendent sur la source et le worker est au repos : quota ou débit de lecture, ou tasks.max trop bas",
                "records wait on the source while the worker is at rest: a quota or the throughput of reading, or tasks.max too low",
            ),
            Limit::WorkerCpu => self.of_static(
                "les processeurs du worker étaient occupés",
                "the worker's processors were busy",
            ),
            Limit::WorkerMemory => self.of_static(
                "la mémoire du worker était pleine",
                "the worker's memory was full",
            ),
            Limit::OneSeries => self.of_static(
                "une seule série se détache des autres : répartition des clés, ou un worker plus lent",
                "a single series stands out from the others: the spread of keys, or one slower worker",
            ),
            Limit::Task => self.of_static(
                "une tâche en échec, en pause ou redémarrée ne réplique rien ; voir son état dans Connect",
                "nothing is replicated any more: a task failed, was paused or restarted; see its state in Connect",
            ),
            Limit::SourceBrokers => self.of_static(
                "la source n'a pas acquitté la charge à temps : quota, débit ou latence de ses brokers",
                "the source did not acknowledge the load in time: a quota, the throughput or the latency of its brokers",
            ),
            Limit::Generator => self.of_static(
                "le générateur n'a pas tenu le débit : ce n'est pas une limite de la réplication",
                "the generator did not keep the rate: this is no limit of the replication",
            ),
        }
    }

    /// What was measured for it, as one line.
    pub(crate) fn clues(self, likely: &Likely) -> String {
        let clues: Vec<_> = likely.clues.iter().map(|clue| self.clue(clue)).collect();
        clues.join(self.of(" ; ", "; "))
    }

    /// What is said where no rule fits; `with_tasks` where the states of tasks were read.
    pub(crate) const fn no_limit(self, with_tasks: bool) -> &'static str {
        if with_tasks {
            return self.of_static(
                "Aucune règle ne désigne la limite d'après ce qui a été mesuré. Les temps de throttling de la réplication ne sont pas relevés par ce plan.",
                "No rule names the limit from what was measured. The replication's throttle times are not read by this plan.",
            );
        }
        self.of_static(
            "Aucune règle ne désigne la limite d'après ce qui a été mesuré. Les temps de throttling de la réplication et l'état de ses tâches ne sont pas relevés par ce plan.",
            "No rule names the limit from what was measured. The replication's throttle times and the state of its tasks are not read by this plan.",
        )
    }

    /// What this section is, and is not; `with_tasks` where the states of tasks were read.
    pub(crate) const fn limits_note(self, with_tasks: bool) -> &'static str {
        if with_tasks {
            return self.of_static(
                "Déduit de ce qui a été mesuré et de l'état des tâches, sans effet sur le verdict. Les temps de throttling de la réplication ne sont pas relevés.",
                "Inferred from what was measured and from the state of tasks, without effect on the verdict. The replication's throttle times are not read.",
            );
        }
        self.of_static(
            "Déduit de ce qui a été mesuré, sans effet sur le verdict. Les temps de throttling de la réplication et l'état de ses tâches ne sont pas relevés.",
            "Inferred from what was measured, without effect on the verdict. The replication's throttle times and the state of its tasks are not read.",
        )
    }

    fn disturbed(
        self,
        (component, standing, said): (&str, Standing, &str),
        seconds: f64,
        works: bool,
    ) -> String {
        if standing == Standing::Working {
            return match self {
                Self::French => format!("{component} déplacée : {said}"),
                Self::English => format!("{component} moved: {said}"),
            };
        }
        let seconds = self.number(seconds, 0);
        let end = match (self, works) {
            (Self::French, true) => "puis de nouveau en marche",
            (Self::French, false) => "jusqu'à la fin",
            (Self::English, true) => "then working again",
            (Self::English, false) => "until the end",
        };
        match self {
            Self::French => format!("{component} {said} (pendant {seconds} s, {end})"),
            Self::English => format!("{component} {said} (for {seconds} s, {end})"),
        }
    }

    fn throttled(self, answers: u64, total_seconds: f64, mean_millis: f64, longest_millis: f64) -> String {
        let (mean, longest) = (self.number(mean_millis, 0), self.number(longest_millis, 0));
        let (count, total) = (self.whole(answers), self.number(total_seconds, 1));
        match (self, answers) {
            (Self::French, 1) => format!("throttling par la source : {count} réponse, {longest} ms"),
            (Self::French, _) => format!(
                "throttling par la source : {count} réponses, {total} s en tout, {mean} ms en moyenne, au plus {longest} ms"
            ),
            (Self::English, 1) => format!("throttled by the source: {count} answer, {longest} ms"),
            (Self::English, _) => format!(
                "throttled by the source: {count} answers, {total} s in all, {mean} ms on average, at most {longest} ms"
            ),
        }
    }

    fn clue(self, clue: &Clue) -> String {
        match clue {
            Clue::Highest { signal, unit, value, series } => {
                let series = if series.is_empty() { String::new() } else { format!(" ({series})") };
                format!("{signal} max {}{series}", self.value(*value, *unit))
            }
            Clue::StandsOut { signal, unit, series, mean, usual } => {
                let (mean, usual) = (self.value(*mean, *unit), self.value(*usual, *unit));
                match self {
                    Self::French => {
                        format!("{signal} : {mean} pour {series}, au plus {usual} pour neuf séries sur dix")
                    }
                    Self::English => {
                        format!("{signal}: {mean} for {series}, at most {usual} for nine in ten series")
                    }
                }
            }
            Clue::LagGrew { per_second, peak } => {
                let (growth, peak) = (self.number(*per_second, 0), self.whole(*peak));
                match self {
                    Self::French => format!("lag réel +{growth} enregistrements/s, jusqu'à {peak}"),
                    Self::English => format!("true lag +{growth} records/s, up to {peak}"),
                }
            }
            Clue::NothingArrived { seconds } => {
                let seconds = self.number(*seconds, 0);
                match self {
                    Self::French => format!(
                        "aucune arrivée pendant {seconds} s alors que des enregistrements attendaient"
                    ),
                    Self::English => format!("no arrival for {seconds} s although records were waiting"),
                }
            }
            Clue::Vanished { signal, readings, returned } => {
                let readings = self.whole(*readings);
                let back = match (self, returned) {
                    (Self::French, true) => ", puis revenues",
                    (Self::French, false) => "",
                    (Self::English, true) => ", then back",
                    (Self::English, false) => "",
                };
                match self {
                    Self::French => format!("séries de {signal} disparues ({readings} relevés){back}"),
                    Self::English => format!("series of {signal} vanished ({readings} readings){back}"),
                }
            }
            Clue::Disturbed { component, standing, said, seconds, works_again } => {
                self.disturbed((component, *standing, said), *seconds, *works_again)
            }
            Clue::DisturbedToo { components } => match self {
                Self::French => format!("et {components} de plus"),
                Self::English => format!("and {components} more"),
            },
            Clue::Client { limit: LoadLimit { detail, .. } } => {
                format!("{} {detail}", self.of("vu par le client :", "seen by the client:"))
            }
            Clue::SlowAcks { p99_millis } => {
                let p99 = self.number(*p99_millis, 0);
                match self {
                    Self::French => format!("acquittement par la source p99 {p99} ms"),
                    Self::English => format!("p99 acknowledgement by the source {p99} ms"),
                }
            }
            Clue::Throttled { answers, total_seconds, mean_millis, longest_millis } => {
                self.throttled(*answers, *total_seconds, *mean_millis, *longest_millis)
            }
            Clue::Late { p99_millis } => {
                let p99 = self.number(*p99_millis, 0);
                match self {
                    Self::French => format!("retard d'envoi p99 {p99} ms"),
                    Self::English => format!("p99 lateness of sending {p99} ms"),
                }
            }
        }
    }
}
