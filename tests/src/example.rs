//! What the examples have in common: the server that they talk to, and how they end.

use std::env;
use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use tb_proto::{Credentials, ProvisionRequest};

use crate::sim::server::SimulatorServer;
use crate::sim::{Control, ProvisionProfile, ProvisionStrategy, Setup, TenantLimits};

/// Nobody has to press a button at a real server: after this long a part goes without an answer.
pub const PATIENCE: Duration = Duration::from_secs(5);

const TOKEN: &str = "A1_TEST_TOKEN";
const PROVISION_KEY: &str = "example-key";
const PROVISION_SECRET: &str = "example-secret";

/// The ThingsBoard of an example: that of `TB_URL` and `TB_TOKEN`, or a simulated one in this process.
pub struct Server {
    simulated: Option<SimulatorServer>,
    url: String,
}

/// Runs an example, and says on standard error what was wrong if it failed.
pub fn main(example: impl FnOnce(&Server) -> Result<(), Box<dyn Error>>) -> ExitCode {
    main_with(TenantLimits::default(), example)
}

/// As [`main`]; the simulated server has these rate limits.
pub fn main_with(
    limits: TenantLimits,
    example: impl FnOnce(&Server) -> Result<(), Box<dyn Error>>,
) -> ExitCode {
    let run = || example(&Server::new(limits)?);
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Lets this process have so many open sockets and files, where the system sets a lower limit for those that
/// do not ask.
///
/// # Errors
/// When the system allows less even then.
pub fn allow_sockets(count: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        if soft < count {
            setrlimit(Resource::RLIMIT_NOFILE, count, hard.max(count))?;
        }
    }
    Ok(())
}

impl Server {
    fn new(limits: TenantLimits) -> io::Result<Self> {
        if let Ok(url) = env::var("TB_URL") {
            return Ok(Self {
                simulated: None,
                url,
            });
        }
        let mut setup = Setup::one_device(TOKEN);
        setup.tenant_limits = limits;
        let device = &mut setup.devices[0];
        device.gateway = true;
        device.shared.insert("uploadFrequency".into(), json!(10));
        device.client.insert("serial".into(), json!("A-17"));
        setup.client_rpc_replies.insert(
            "getCurrentTime".into(),
            json!({ "time": 1_767_225_600_000_i64 }),
        );
        setup.provision_profiles.push(ProvisionProfile::new(
            ProvisionStrategy::AllowCreateNewDevices,
            PROVISION_KEY,
            PROVISION_SECRET,
        ));
        let server = SimulatorServer::start(setup)?;
        let url = format!("mqtt://{}", server.address());
        Ok(Self {
            simulated: Some(server),
            url,
        })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The credentials of the device: `TB_TOKEN`.
    pub fn credentials(&self) -> Credentials {
        Credentials::token(self.text("TB_TOKEN", TOKEN))
    }

    /// What a device without credentials asks for: `TB_PROVISION_KEY` and `TB_PROVISION_SECRET`.
    pub fn provision_request(&self) -> ProvisionRequest {
        ProvisionRequest::new(
            self.text("TB_PROVISION_KEY", PROVISION_KEY),
            self.text("TB_PROVISION_SECRET", PROVISION_SECRET),
        )
    }

    /// Somebody calls a method of the device.
    pub fn call_the_device(&self, method: &str, params: Value) {
        self.call("dev1", method, params);
    }

    /// Somebody calls a method of this device, a child of the gateway for one.
    pub fn call(&self, device: &str, method: &str, params: Value) {
        match &self.simulated {
            Some(server) => server.control(Control::Rpc {
                call: method.to_owned(),
                device: device.to_owned(),
                method: method.to_owned(),
                params: Some(params),
                raw_params: None,
                oneway: false,
                timeout_ms: None,
                persisted: false,
                request_id: None,
            }),
            None => println!("call {method}({params}) of {device} now …"),
        }
    }

    /// Somebody sets a shared attribute of the device.
    pub fn set_shared(&self, key: &str, value: Value) {
        self.set_shared_of("dev1", key, value);
    }

    /// Somebody sets a shared attribute of this device, a child of the gateway for one.
    pub fn set_shared_of(&self, device: &str, key: &str, value: Value) {
        match &self.simulated {
            Some(server) => server.control(Control::SetShared {
                device: device.to_owned(),
                values: std::iter::once((key.to_owned(), value)).collect(),
            }),
            None => println!("set the shared attribute {key} of {device} to {value} now …"),
        }
    }

    fn text(&self, name: &str, simulated: &str) -> String {
        match &self.simulated {
            Some(_) => simulated.to_owned(),
            None => env::var(name).unwrap_or_default(),
        }
    }
}
