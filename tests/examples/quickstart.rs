//! A device connects, has its telemetry acknowledged, reads a shared attribute, answers an RPC and
//! is told of an attribute change.
//!
//! `cargo run --example quickstart` brings a simulated ThingsBoard along. With
//! `TB_URL=mqtt://host:port TB_TOKEN=…` it does the same against that server.

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{Control, Setup};
use tb_tokio::{
    AttributeQuery, AttributeUpdate, Client, Config, Credentials, Error, Receiver, RpcRequest,
};
use tokio::time::timeout;

/// Nobody has to press a button at a real server: after this long a part goes without an answer.
const PATIENCE: Duration = Duration::from_secs(5);

const SIMULATED_TOKEN: &str = "A1_TEST_TOKEN";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reading {
    temperature: f64,
    door_open: bool,
}

async fn device(server: &Server) -> Result<(), Error> {
    let endpoint = server.url().as_str().try_into()?;
    let config = Config::new(endpoint, Credentials::token(server.token()));

    // What is wanted before the client starts is part of its first message to the server.
    let (client, driver) = tb_tokio::prepare(config)?;
    let mut calls = client.rpc_requests()?;
    let mut updates = client.attribute_updates();
    tokio::spawn(driver);

    match timeout(PATIENCE, client.connected()).await {
        Ok(version) => println!("connected     to {}, {}", server.url(), version?),
        Err(_) => {
            return Err(tb_tokio::NotConnected::TimedOut {
                last: client.last_cause(),
            }
            .into());
        }
    }
    send_telemetry(&client).await?;
    read_attribute(&client).await?;
    server.call_the_device();
    answer_call(&mut calls).await?;
    server.change_an_attribute();
    follow_attributes(&mut updates).await;

    client.disconnect(PATIENCE).await?;
    println!("disconnected");
    Ok(())
}

async fn send_telemetry(client: &Client) -> Result<(), Error> {
    let reading = Reading {
        temperature: 21.5,
        door_open: false,
    };
    match timeout(PATIENCE, client.send_telemetry(&reading)?).await {
        Ok(outcome) => println!("telemetry     {}: {}", outcome?, json!(reading)),
        Err(_) => println!("telemetry     no answer: the server does not acknowledge it"),
    }
    Ok(())
}

async fn read_attribute(client: &Client) -> Result<(), Error> {
    let query = AttributeQuery::shared(["uploadFrequency"]).timeout(PATIENCE);
    match client.request_attributes(query)?.await {
        Ok(values) => match values.shared.get::<u32>("uploadFrequency")? {
            Some(seconds) => println!("attribute     uploadFrequency is {seconds}"),
            None => println!("attribute     uploadFrequency is not set at the server"),
        },
        Err(error) => println!("attribute     {error}: is the server a ThingsBoard?"),
    }
    Ok(())
}

async fn answer_call(calls: &mut Receiver<RpcRequest>) -> Result<(), Error> {
    let Ok(Some(call)) = timeout(PATIENCE, calls.recv()).await else {
        println!("RPC           no answer needed: nobody called this device");
        return Ok(());
    };
    let (method, params) = (
        call.method().to_owned(),
        call.params().as_json().into_owned(),
    );
    let answer = json!({ "temperature": 21.5 });
    match timeout(PATIENCE, call.reply(&answer)?).await {
        Ok(outcome) => println!(
            "RPC           {method}({params}) answered {answer}: {}",
            outcome?
        ),
        Err(_) => println!("RPC           no answer: the server does not acknowledge the reply"),
    }
    Ok(())
}

async fn follow_attributes(updates: &mut Receiver<AttributeUpdate>) {
    match timeout(PATIENCE, updates.recv()).await {
        Ok(Some(update)) => {
            for (key, value) in update.updated.iter() {
                println!("attribute     {key} was changed to {value}");
            }
            for key in &update.deleted {
                println!("attribute     {key} was deleted");
            }
        }
        _ => println!("attribute     no answer: no shared attribute was changed"),
    }
}

/// The ThingsBoard to talk to.
enum Server {
    Simulated(SimulatorServer),
    Real { url: String, token: String },
}

impl Server {
    fn new() -> std::io::Result<Self> {
        if let Ok(url) = env::var("TB_URL") {
            return Ok(Self::Real {
                url,
                token: env::var("TB_TOKEN").unwrap_or_default(),
            });
        }
        let mut setup = Setup::one_device(SIMULATED_TOKEN);
        setup.devices[0]
            .shared
            .insert("uploadFrequency".to_owned(), json!(10));
        SimulatorServer::start(setup).map(Self::Simulated)
    }

    fn url(&self) -> String {
        match self {
            Self::Simulated(server) => format!("mqtt://{}", server.address()),
            Self::Real { url, .. } => url.clone(),
        }
    }

    fn token(&self) -> &str {
        match self {
            Self::Simulated(_) => SIMULATED_TOKEN,
            Self::Real { token, .. } => token,
        }
    }

    fn call_the_device(&self) {
        match self {
            Self::Simulated(server) => server.control(Control::Rpc {
                call: "quickstart".to_owned(),
                device: "dev1".to_owned(),
                method: "getTemperature".to_owned(),
                params: Some(json!({ "unit": "C" })),
                raw_params: None,
                oneway: false,
                timeout_ms: None,
                persisted: false,
                request_id: None,
            }),
            Self::Real { .. } => println!("              call a method of the device now …"),
        }
    }

    fn change_an_attribute(&self) {
        match self {
            Self::Simulated(server) => server.control(Control::SetShared {
                device: "dev1".to_owned(),
                values: std::iter::once(("uploadFrequency".to_owned(), json!(60))).collect(),
            }),
            Self::Real { .. } => println!("              change a shared attribute now …"),
        }
    }
}

fn main() -> ExitCode {
    let run = || -> Result<(), Box<dyn std::error::Error>> {
        let server = Server::new()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(runtime.block_on(device(&server))?)
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed        {error}");
            ExitCode::FAILURE
        }
    }
}
