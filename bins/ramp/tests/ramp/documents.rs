//! What the documents tell people to type is a command that there is.

use std::path::{Path, PathBuf};

use clap::{Parser, error::ErrorKind};
use ramp::cli::Cli;

/// What a document's line is a command of `ramp` after.
const CALLS: [&str; 2] = ["ramp ", "cargo run --release -- "];

#[test]
fn every_command_in_the_documents_is_understood() {
    let mut seen = 0;
    for (document, text) in documents() {
        for line in text.lines() {
            let typed = CALLS.iter().find_map(|call| line.strip_prefix(call));
            // A picture of the live display begins with the name and a gap.
            let Some(arguments) = typed.filter(|arguments| !arguments.starts_with(' ')) else { continue };
            let parsed = parse(arguments);
            assert!(parsed.is_ok(), "{}: {line}\n{}", document.display(), parsed.unwrap_err());
            seen += 1;
        }
    }
    assert!(seen >= 6, "the README alone has six: {seen}");
}

#[test]
fn every_command_that_a_sentence_of_the_documents_names_is_there() {
    let mut seen = 0;
    for (document, text) in documents() {
        let spans = text.split('`').skip(1).step_by(2).filter_map(|span| span.strip_prefix("ramp "));
        for arguments in spans {
            let unknown = [ErrorKind::UnknownArgument, ErrorKind::InvalidSubcommand];
            let error = parse(arguments).err().filter(|error| unknown.contains(&error.kind()));
            assert!(error.is_none(), "{}: `ramp {arguments}`", document.display());
            seen += 1;
        }
    }
    assert!(seen >= 20, "{seen}");
}

fn parse(arguments: &str) -> clap::error::Result<Cli> {
    Cli::try_parse_from(std::iter::once("ramp").chain(arguments.split_whitespace()))
}

/// The READMEs and everything in `docs`.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let all = pages.chain(["README.md", "README.fr.md", "docs/deploy/README.md"].map(|page| root.join(page)));
    all.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}
