//! Certificates as people make them: by the `openssl` program, into a folder of the test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How the private key is made and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// RSA in PKCS#8, as `openssl genpkey` writes it.
    Rsa,
    /// RSA in PKCS#1, as `openssl genrsa` wrote it for decades.
    RsaTraditional,
    /// On the curve P-256 in SEC1, as `openssl ecparam` writes it.
    Ec,
    /// The same on the curve P-521.
    Ec521,
}

/// When a certificate is valid, as `openssl ca` wants it.
const NOW: [&str; 2] = ["20200101000000Z", "20991231235959Z"];
const OVER: [&str; 2] = ["20200101000000Z", "20210101000000Z"];

/// The least that `openssl ca` asks for.
const CONFIGURATION: &str = "\
[ca]
default_ca = this
[this]
new_certs_dir = .
database = index.txt
unique_subject = no
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[empty]
[request]
distinguished_name = empty
";

/// A folder with keys and certificates, gone when it is dropped. Every certificate `NAME.pem` has its key in
/// `NAME.key`.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A folder of this name with an authority `root`.
    pub(crate) fn new(name: &str, key: Key) -> Self {
        let name = format!("openssl-{name}-{}", std::process::id());
        let folder = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.path("ca.cnf"), CONFIGURATION).unwrap();
        fs::write(folder.path("index.txt"), "").unwrap();
        folder.key("root", key);
        folder.openssl(&[
            "req",
            "-x509",
            "-new",
            "-config",
            "ca.cnf",
            "-section",
            "request",
            "-extensions",
            "authority",
            "-key",
            "root.key",
            "-subj",
            "/CN=Root",
            "-days",
            "30",
            "-out",
            "root.pem",
        ]);
        folder
    }

    /// An authority below `root`.
    pub(crate) fn authority(&self, name: &str, key: Key) {
        self.request(name, key);
        self.sign(name, "root", NOW, "ca.cnf", "authority");
    }

    /// A certificate of the authority `by` for this address, with the text before it in `NAME.pem`.
    pub(crate) fn issue(&self, name: &str, key: Key, by: &str, address: &str) {
        self.certificate(name, key, by, address, NOW);
    }

    /// A certificate of `root` that has expired.
    pub(crate) fn issue_expired(&self, name: &str, key: Key, address: &str) {
        self.certificate(name, key, "root", address, OVER);
    }

    /// The key `NAME.key` once more in `NAME.encrypted`, encrypted with this password in the way that these options
    /// ask for.
    pub(crate) fn encrypt(&self, name: &str, password: &str, how: &[&str]) {
        let (input, output) = (format!("{name}.key"), format!("{name}.encrypted"));
        let password = format!("pass:{password}");
        let mut arguments = vec!["pkcs8", "-topk8", "-in", &input, "-out", &output];
        arguments.extend(["-passout", &password]);
        arguments.extend(how);
        self.openssl(&arguments);
    }

    /// What mosquitto is told to show the certificate `server`, and to want one of `root` of everybody if it shall.
    pub(crate) fn listener(&self, requires_certificates: bool) -> String {
        let path = |file| self.path(file).display().to_string();
        // Started by root it would become somebody who may not read the key.
        let mut listener = format!(
            "certfile {}\nkeyfile {}\nuser root\n",
            path("server.pem"),
            path("server.key")
        );
        if requires_certificates {
            listener += &format!("cafile {}\nrequire_certificate true\n", path("root.pem"));
        }
        listener
    }

    /// A file of this folder.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    fn certificate(&self, name: &str, key: Key, by: &str, address: &str, validity: [&str; 2]) {
        self.request(name, key);
        let extensions = format!("[leaf]\nsubjectAltName = {address}\n");
        fs::write(self.path("leaf.cnf"), extensions).unwrap();
        self.sign(name, by, validity, "leaf.cnf", "leaf");
    }

    fn key(&self, name: &str, key: Key) {
        let file = format!("{name}.key");
        match key {
            Key::Rsa => self.openssl(&[
                "genpkey",
                "-algorithm",
                "RSA",
                "-pkeyopt",
                "rsa_keygen_bits:2048",
                "-out",
                &file,
            ]),
            Key::RsaTraditional => {
                self.openssl(&["genrsa", "-traditional", "-out", &file, "2048"]);
            }
            Key::Ec => self.curve("prime256v1", &file),
            Key::Ec521 => self.curve("secp521r1", &file),
        }
    }

    fn curve(&self, name: &str, file: &str) {
        self.openssl(&["ecparam", "-genkey", "-noout", "-name", name, "-out", file]);
    }

    fn request(&self, name: &str, key: Key) {
        self.key(name, key);
        self.openssl(&[
            "req",
            "-new",
            "-config",
            "ca.cnf",
            "-section",
            "request",
            "-key",
            &format!("{name}.key"),
            "-subj",
            &format!("/CN={name}"),
            "-out",
            &format!("{name}.csr"),
        ]);
    }

    fn sign(&self, name: &str, by: &str, [from, to]: [&str; 2], extensions: &str, section: &str) {
        self.openssl(&[
            "ca",
            "-batch",
            "-config",
            "ca.cnf",
            "-cert",
            &format!("{by}.pem"),
            "-keyfile",
            &format!("{by}.key"),
            "-startdate",
            from,
            "-enddate",
            to,
            "-extfile",
            extensions,
            "-extensions",
            section,
            "-in",
            &format!("{name}.csr"),
            "-out",
            &format!("{name}.pem"),
        ]);
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(&self.0)
            .output()
            .unwrap_or_else(|error| panic!("openssl: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments:?}: {said}");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _emptied = fs::remove_dir_all(&self.0);
    }
}
