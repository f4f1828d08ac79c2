//! What `dev/prove store` ends, starves and disturbs.
//!
//! ```text
//! store_writer write FILE FIRST COUNT   makes random changes; says of each that it was acknowledged, or failed
//! store_writer verify FILE              is the file what its log says, and what was said on stdin there?
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "random things are made of what is known to parse"
)]

mod changes;
mod writing;

use std::error::Error;
use std::io::{Read as _, stdin};
use std::time::Instant;

use doorward::store::SqliteStore;
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || {
        arguments
            .next()
            .ok_or("an argument is missing; see benches/store/writer.rs")
    };
    let (command, path) = (next()?, next()?);
    let runtime = Builder::new_current_thread().build()?;
    let began = Instant::now();
    let store = runtime.block_on(SqliteStore::open(path))?;
    match command.as_str() {
        "write" => {
            let (first, count) = (next()?.parse()?, next()?.parse()?);
            Ok(runtime.block_on(writing::write(&store, first, count))?)
        }
        "verify" => {
            let opened = began.elapsed().as_millis();
            let mut said = String::new();
            stdin().read_to_string(&mut said)?;
            let acknowledged = writing::acknowledged(&said);
            let log = runtime.block_on(writing::verify(&store, &acknowledged))?;
            println!("{} {} {opened}", log.len(), acknowledged.len());
            Ok(())
        }
        other => Err(format!("no command is called {other}").into()),
    }
}
