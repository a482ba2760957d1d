//! A device without credentials gets some, keeps them in a file, and connects with them. The second
//! time it takes them out of the file.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_PROVISION_KEY=…
//! TB_PROVISION_SECRET=…` it talks to that server. The file is `TB_CREDENTIALS`, or one that is removed
//! at the end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, process};

use tb_tests::example::{self, PATIENCE, Server};
use tb_tokio::Error;
use tokio::runtime::Builder;

async fn device(server: &Server, path: &Path) -> Result<(), Error> {
    let request = server.provision_request();
    let credentials = tb_tokio::load_or_provision(path, server.url(), request.clone()).await?;
    println!("provisioned: {credentials:?} kept in {}", path.display());

    let client = tb_tokio::connect(server.url(), credentials.clone()).await?;
    println!("connected with them");
    client.disconnect(PATIENCE).await?;

    let again = tb_tokio::load_or_provision(path, server.url(), request).await?;
    println!("the same the next time: {}", again == credentials);
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(|server| {
        let given = env::var("TB_CREDENTIALS").ok().map(PathBuf::from);
        let name = format!("thingsboard-credentials-{}.json", process::id());
        let path = given.clone().unwrap_or_else(|| env::temp_dir().join(name));
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let outcome = runtime.block_on(device(server, &path));
        if given.is_none() {
            fs::remove_file(&path)?;
        }
        Ok(outcome?)
    })
}
