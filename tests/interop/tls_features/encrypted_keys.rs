//! Private keys that are encrypted, as `openssl pkcs8 -topk8` makes them.

use tb_driver::tls::{Identity, Pem, TlsConfig, TlsSetupError};

use crate::broker::Mosquitto;
use crate::device::{publish, setup};
use crate::openssl::{Folder, Key};

const PASSWORD: &str = "s3cret";

fn file(folder: &Folder, name: &str) -> Pem {
    Pem::file(folder.path(name))
}

/// The certificate `device` of the folder with its encrypted key.
fn identity(folder: &Folder) -> Identity {
    Identity::new(file(folder, "device.pem"), file(folder, "device.encrypted"))
}

fn checked(identity: Identity) -> Result<(), TlsSetupError> {
    TlsConfig::new().identity(identity).check("localhost")
}

#[test]
fn a_key_is_opened_by_its_password_alone() {
    let folder = Folder::new("encrypted", Key::Rsa);
    for key in [Key::Rsa, Key::RsaTraditional, Key::Ec] {
        folder.issue("device", key, "root", "DNS:device");
        for how in [
            // What openssl does unless it is told otherwise.
            &[][..],
            &["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512"],
            &["-scrypt"],
        ] {
            folder.encrypt("device", PASSWORD, how);
            let identity = identity(&folder);
            let pem = || file(&folder, "device.encrypted");
            let opened = identity.clone().password(PASSWORD);
            assert_eq!(checked(opened), Ok(()), "{key:?} {how:?}");
            assert_eq!(
                checked(identity.clone().password("secret")),
                Err(TlsSetupError::WrongPassword { pem: pem() })
            );
            assert_eq!(
                checked(identity),
                Err(TlsSetupError::EncryptedKey { pem: pem() })
            );
        }
    }
}

#[test]
fn a_key_that_is_encrypted_in_a_way_of_the_past_is_refused_with_what_is_supported() {
    let folder = Folder::new("encrypted-old", Key::Ec);
    folder.issue("device", Key::Ec, "root", "DNS:device");
    for how in [&["-v2", "des3"][..], &["-v1", "PBE-SHA1-3DES"]] {
        folder.encrypt("device", PASSWORD, how);
        let error = checked(identity(&folder).password(PASSWORD)).unwrap_err();
        assert!(
            error.to_string().ends_with("PBES2 with AES is supported"),
            "{how:?}: {error}"
        );
    }
}

#[test]
fn a_device_with_an_encrypted_key_is_known_to_a_broker_that_requires_certificates() {
    let folder = Folder::new("encrypted-device", Key::Rsa);
    folder.issue("server", Key::Ec, "root", "IP:127.0.0.1");
    let broker = Mosquitto::start_with(&folder.listener(true)).unwrap();
    for key in [Key::Rsa, Key::Ec] {
        folder.issue("device", key, "root", "DNS:device");
        folder.encrypt("device", PASSWORD, &[]);
        let tls = TlsConfig::new()
            .ca(file(&folder, "root.pem"))
            .identity(identity(&folder).password(PASSWORD));
        let url = format!("mqtts://{}", broker.address());
        assert_eq!(publish(setup(&url, tls)), Ok(()), "{key:?}");
    }
}
