//! Kafka's own tools, run with the jars of the laboratory.

use std::{path::Path, process::Command};

use crate::{
    artifacts::{ArtifactError, Artifacts},
    supervisor::chain,
};

/// A command that runs one of Kafka's own tools, a Java class such as `org.apache.kafka.tools.ProducerPerformance`, to be
/// given its arguments. The jars are downloaded first where they are missing. No laboratory has to run.
///
/// # Errors
///
/// [`ToolError`] where the tool cannot be had.
pub fn kafka_tool(class: &str) -> Result<Command, ToolError> {
    let artifacts = Artifacts::prepare(maven).map_err(|error| ToolError(chain(&error)))?;
    let mut command = Command::new(&artifacts.java);
    // Tools are short-lived: what takes less to start is faster.
    command
        .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"])
        .arg(artifacts.class_path())
        .arg(class);
    Ok(command)
}

/// Why one of Kafka's own tools cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("run Kafka's own tools: {0}")]
pub struct ToolError(String);

fn maven(program: &Path, arguments: &[&str]) -> Result<(), ArtifactError> {
    let output = Command::new(program).args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(ArtifactError::Maven(String::from_utf8_lossy(&output.stdout).into_owned()))
}
