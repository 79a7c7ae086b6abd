//! Plugins sign with secrets that they never see: lent by the operator, rotated by a reload, told nowhere.

use crate::support::{HITHER, LISTENER, SOON, instance};
use hither_harness::{Hither, RawOrigin};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

/// RFC 4231 section 4.3: `Jefe` signs this.
const DATA: &str = "what do ya want for nothing?";
const SIGNED: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

fn config(origin: &RawOrigin, secrets: &str) -> String {
    format!(
        "{LISTENER}[service.web]\nplugins = [\"secretive\"]\n{}[plugin.secretive]\n\
         file = \"secretive.wasm\"\ngrants = [\"secrets\"]\n{secrets}",
        instance("one", origin.address(), "")
    )
}

const BOTH: &str =
    "[plugin.secretive.secrets]\nsigning = { file = \"key\" }\npepper = { env = \"PEPPER\" }\n";

async fn start(origin: &RawOrigin) -> Hither {
    Hither::builder(HITHER)
        .file("secretive.wasm", std::fs::read(hither_guests::guest("secretive")).unwrap())
        .file("key", "Jefe\n")
        .variable("PEPPER", "cayenne")
        .config(config(origin, BOTH))
        .start()
        .await
}

async fn said(edge: &Hither, path: &str) -> String {
    edge.get(&path.replace(' ', "%20")).await.expect_status(200).text()
}

#[tokio::test]
async fn a_secret_signs_and_compares_is_rotated_by_its_file_and_told_nowhere() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = start(&origin).await;
    // A path comes to a plugin as it was sent, so the data of the standard is signed when it is configured.
    let reconfigured =
        format!("{}[plugin.secretive.config]\nsign = \"{DATA}\"\n", config(&origin, BOTH));
    edge.write_config(&reconfigured);
    edge.reload().await.expect_status(200);
    assert_eq!(said(&edge, "/configured").await, SIGNED);
    assert_eq!(said(&edge, "/equals/pepper/cayenne").await, "true");
    assert_eq!(said(&edge, "/equals/pepper/paprika").await, "false");
    assert_eq!(said(&edge, "/sign/other/x").await, "this plugin was lent no secret of this name");

    let before = edge.status().await["plugins"][0]["revision"].as_u64();
    edge.write_file("key", "geheim");
    edge.status_when(SOON, "another revision, by the file alone", |status| {
        (status["plugins"][0]["revision"].as_u64() > before).then_some(())
    })
    .await;
    assert_ne!(said(&edge, "/configured").await, SIGNED);
    assert_eq!(said(&edge, "/equals/signing/geheim").await, "true");

    let status = edge.status().await.to_string();
    let log = edge.log_lines().join("\n");
    for secret in ["Jefe", "geheim", "cayenne"] {
        assert!(!status.contains(secret) && !log.contains(secret), "{secret} was told");
    }
    assert!(log.contains("plugin.secretive.secrets changed"), "{log}");
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_refused_at_its_line_and_the_old_one_is_kept() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = start(&origin).await;
    let bad = BOTH.replace("\"key\"", "\"lost\"").replace("PEPPER", "NO_SUCH_VARIABLE");
    edge.write_config(&config(&origin, &bad));
    let refused = edge.reload().await.expect_status(422).text();
    for part in
        ["lost cannot be used", "$NO_SUCH_VARIABLE cannot be used", "plugin.secretive.secrets"]
    {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    edge.write_config(&config(&origin, BOTH));
    edge.write_file("key", " \n");
    let refused = edge.reload().await.expect_status(422).text();
    assert!(refused.contains("it is empty"), "{refused}");
    assert_eq!(said(&edge, "/equals/signing/Jefe").await, "true");
}
