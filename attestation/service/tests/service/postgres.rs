//! Several verifiers on one PostgreSQL: one log, each nonce good once whoever is asked.

use std::time::{Duration, Instant};

use crate::support::people::token;
use crate::support::{Place, RESOURCE, SECRET, Verifier, expect_error};
use attestation_audit::Conclusion;
use attestation_service::Database;
use tests_postgres::Server;

fn on(server: &Server) -> Place {
    Place::on(Database {
        url: server.url(),
        ..Database::default()
    })
}

#[test]
fn guest_gets_its_secret_and_the_auditor_agrees() {
    let Some(server) = Server::start() else {
        return;
    };
    let place = on(&server);
    let verifier = place.serve().furnished();

    let (secret, index) = verifier.guest().fetch(&place.pins);

    assert_eq!((secret.as_slice(), index), (SECRET, 8));
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
    verifier.stop();
    assert_eq!(place.serve().guest().fetch(&place.pins).0, SECRET);
}

#[test]
fn replicas_serve_by_the_same_rules_and_write_one_log() {
    let Some(server) = Server::start() else {
        return;
    };
    let place = on(&server);
    let replica = place.replica();
    let (one, other) = (place.serve().furnished(), replica.serve());
    assert_eq!(other.guest().fetch(&place.pins).0, SECRET);

    // What one is told the other goes by, at once.
    let opened = other.guest().auth();
    assert_eq!(other.guest().attest(&opened).status, 200);
    one.put_reference([0x66; 48]);

    expect_error(
        &other.guest().resource(&opened.cookie, RESOURCE),
        403,
        "PolicyDeny",
    );
    expect_error(
        &other.guest().attest(&other.guest().auth()),
        401,
        "AttestationFailed",
    );
    assert_eq!(one.log_size(), other.log_size());
    assert_eq!(other.audit().verdict, Conclusion::Agrees);
}

#[test]
fn nonce_is_good_once_whichever_replica_is_asked() {
    let Some(server) = Server::start() else {
        return;
    };
    let place = on(&server);
    let replica = place.replica();
    let (one, other) = (place.serve().furnished(), replica.serve());

    for _ in 0..8 {
        // Handed out by one, answered to both at the same moment.
        let opened = one.guest().auth();
        let statuses = std::thread::scope(|scope| {
            [&one, &other]
                .map(|verifier| scope.spawn(|| verifier.guest().attest(&opened).status))
                .map(|attempt| attempt.join().unwrap())
        });
        let mut statuses = statuses.to_vec();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401]);
    }

    assert_eq!(one.audit().verdict, Conclusion::Agrees);
}

#[test]
fn database_that_is_gone_releases_nothing_is_not_ready_and_is_found_again() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let place = on(&server);
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let (attested, later) = (guest.auth(), guest.auth());
    assert_eq!(guest.attest(&attested).status, 200);

    server.kill();

    let refused = guest.resource(&attested.cookie, RESOURCE);
    expect_error(&refused, 503, "StoreBusy");
    expect_error(&guest.attest(&later), 503, "StoreBusy");
    expect_error(&verifier.get("/readyz"), 503, "StoreBusy");
    assert_eq!(verifier.get("/livez").status, 200);

    server.resume();
    let deadline = Instant::now() + Duration::from_secs(20);
    while verifier.get("/readyz").status != 200 {
        assert!(Instant::now() < deadline, "it is not ready again");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(guest.resource(&attested.cookie, RESOURCE).status, 200);
    assert_eq!(verifier.guest().fetch(&place.pins).0, SECRET);
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn database_that_was_put_back_to_an_older_day_is_not_served_from() {
    let Some(server) = Server::start() else {
        return;
    };
    let place = on(&server);
    let verifier = place.serve().furnished();
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    server.dump(&backup);
    let guest = verifier.guest();
    let (used, attested) = (guest.auth(), guest.auth());
    assert_eq!(guest.attest(&used).status, 200);
    assert_eq!(guest.attest(&attested).status, 200);

    server.restore(&backup);

    // Its nonce is unused by the database's word.
    expect_error(&guest.attest(&used), 503, "LogUnavailable");
    expect_error(
        &guest.resource(&attested.cookie, RESOURCE),
        503,
        "LogUnavailable",
    );
    expect_error(&verifier.get("/readyz"), 503, "LogUnavailable");
    assert!(verifier.journal().contains("put back to an older day"));
}

/// Two replicas are asked at the same moment: one makes the change, and it is made once.
#[test]
fn change_is_approved_once_whichever_replica_is_asked() {
    let Some(server) = Server::start() else {
        return;
    };
    let place = on(&server).believes_people();
    let replica = place.replica();
    let (one, other) = (place.serve().furnished(), replica.serve());
    let roles = ["default:admin", "default:secret-owner"];
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| token(name, &roles));
    let wanted = br#"{"actions": ["write-secret"]}"#;
    let answer = one.send(&alice, "PUT", "/v1/four-eyes", Some(wanted));
    assert_eq!(answer.status, 200);

    for round in 0..4_u8 {
        let path = format!("/v1/secrets/{RESOURCE}?references=demo");
        let proposed = one.send(&alice, "PUT", &path, Some(&[round + 1]));
        assert_eq!(proposed.status, 202);
        let proposed: serde_json::Value = serde_json::from_slice(&proposed.body).unwrap();
        let path = format!(
            "/v1/changes/{}/approve",
            proposed["change"].as_str().unwrap()
        );
        let body = serde_json::json!({"digest": proposed["digest"]}).to_string();
        let before = one.log_size();
        let approve = |verifier: &Verifier<'_>, who: &str| {
            verifier
                .send(who, "POST", &path, Some(body.as_bytes()))
                .status
        };

        let mut statuses = std::thread::scope(|scope| {
            let first = scope.spawn(|| approve(&one, &bob));
            let second = approve(&other, &carol);
            [first.join().unwrap(), second]
        });

        statuses.sort_unstable();
        assert_eq!(statuses[0], 200);
        assert!(matches!(statuses[1], 404 | 409), "{statuses:?}");
        assert_eq!(one.log_size(), before + 2);
    }
    assert_eq!(one.audit().verdict, Conclusion::Agrees);
}
