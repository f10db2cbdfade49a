//! Tasks of one kind, of which one never overlaps the next.

use tokio::task::{AbortHandle, JoinSet};

/// The latest task of its kind.
#[derive(Debug, Default)]
pub(super) struct OneAtATime(Option<AbortHandle>);

impl OneAtATime {
    /// Starts `task`, unless the one before it still runs; one that broke off holds up no other.
    pub(super) fn start(&mut self, tasks: &mut JoinSet<()>, task: impl Future<Output = ()> + Send + 'static) {
        if self.0.as_ref().is_none_or(AbortHandle::is_finished) {
            self.0 = Some(tasks.spawn(task));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_task_never_overlaps_the_next_and_one_that_broke_off_holds_up_no_other() {
        let (mut tasks, mut samplings) = (JoinSet::new(), OneAtATime::default());
        let (started, mut names) = mpsc::unbounded_channel();
        let (release, mut held) = mpsc::unbounded_channel::<()>();
        let task = |name: &'static str| {
            let started = started.clone();
            async move { started.send(name).unwrap() }
        };
        let first = task("first");
        samplings.start(&mut tasks, async move {
            first.await;
            held.recv().await;
        });
        samplings.start(&mut tasks, task("beside the first"));
        assert_eq!(names.recv().await, Some("first"));
        release.send(()).unwrap();
        tasks.join_next().await.unwrap().unwrap();

        samplings.start(&mut tasks, async { panic!("a sampling that breaks off") });
        assert!(tasks.join_next().await.unwrap().is_err());
        samplings.start(&mut tasks, task("after it"));
        assert_eq!(names.recv().await, Some("after it"));
    }
}
