//! `cargo xtask test`: everything that a change must pass.

use std::{path::Path, process::Command};

use crate::{
    api,
    command::{Failure, cargo, execute, output, step},
    deny, setup, tidy,
};

/// Runs every step and stops at the first that fails.
pub(crate) fn run() -> Result<(), Failure> {
    step("set up", setup::run)?;
    step("tidy", tidy::check)?;
    step("format", || cargo(&["fmt", "--all", "--check"]))?;
    step("clippy", || {
        cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"])
    })?;
    // Tests start the laboratory's executable, which cargo builds only for its own package's tests.
    step("build the laboratory", || cargo(&["build", "--package", "ramp-lab"]))?;
    step("tests", || cargo(&["test", "--workspace", "--all-features"]))?;
    step("documentation", || {
        let mut doc = Command::new(env!("CARGO"));
        doc.args(["doc", "--workspace", "--no-deps", "--all-features"])
            .env("RUSTDOCFLAGS", "--deny warnings");
        execute(&mut doc, "RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --no-deps --all-features")
    })?;
    step("public items", api::check)?;
    step("the core without a system", core_alone)?;
    step("package the core", || cargo(&["package", "--package", "ramp-core", "--allow-dirty"]))?;
    step("dependencies", deny::check)
}

/// The core has no clock, no files and no network: it builds where there are none.
fn core_alone() -> Result<(), Failure> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let added = output(Path::new("rustup"), &["target", "add", TARGET]);
    if added.is_none_or(|added| !added.success) {
        println!("NOT BUILT: {TARGET} cannot be installed here");
        return Ok(());
    }
    cargo(&["build", "--package", "ramp-core", "--all-features", "--target", TARGET])
}
