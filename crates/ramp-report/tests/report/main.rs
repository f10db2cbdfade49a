//! What people see of campaigns that went each way.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod browser;
mod chromium;
mod compare;
mod form;
mod heat;
mod hostile;
mod journal;
mod limits;
mod links;
mod renderings;
mod schemas;
mod size;
mod world;
