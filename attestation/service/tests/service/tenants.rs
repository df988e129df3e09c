//! What is one tenant's is nobody else's, although everything of both is in one store and one log. `rights.rs` tries every operation
//! by everybody who may not.

use crate::support::{
    DIGEST, Guest, Place, RESOURCE, Verifier, expect_error, policy, policy_without_smt,
};
use attestation_audit::Conclusion;
use attestation_judge::test_support::reference;
use attestation_service::{Answer, Request};

/// Two tenants on one verifier, with the same names for other things: each has its own launch and its own secret.
struct Two<'a> {
    verifier: Verifier<'a>,
    acme: Tenant,
    beta: Tenant,
}

struct Tenant {
    name: &'static str,
    admin: String,
    digest: [u8; 48],
    secret: &'static [u8],
}

impl<'a> Two<'a> {
    fn on(place: &'a Place) -> Self {
        let verifier = place.serve();
        let tenant = |name, digest, secret| {
            let admin = place.bootstrap(name, 7);
            let made = verifier.send(&admin, "PUT", &format!("/v1/tenants/{name}"), None);
            assert_eq!(made.status, 200);
            Tenant {
                name,
                admin,
                digest,
                secret,
            }
        };
        let acme = tenant("acme", DIGEST, b"acme's key");
        let beta = tenant("beta", [0x66; 48], b"beta's key, which is longer");
        let two = Self {
            acme,
            beta,
            verifier,
        };
        two.furnish(&two.acme);
        two.furnish(&two.beta);
        two
    }

    fn furnish(&self, tenant: &Tenant) {
        let value = serde_json::to_vec(&reference(tenant.digest)).unwrap();
        let secret = format!("/v1/secrets/{RESOURCE}?references=demo");
        for (path, body) in [
            ("/v1/policies/demo", policy().as_bytes()),
            ("/v1/reference-values/demo", &value),
            (&secret, tenant.secret),
        ] {
            let answer = self.ask(tenant, tenant, "PUT", path, Some(body));
            let text = String::from_utf8_lossy(&answer.body);
            assert_eq!(answer.status, 200, "{path}: {text}");
        }
    }

    /// A request of the first one's administrator at a path of the second one's.
    fn ask(
        &self,
        who: &Tenant,
        whose: &Tenant,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
    ) -> Answer {
        let path = format!("/t/{}{path}", whose.name);
        self.verifier.send(&who.admin, method, &path, body)
    }

    fn guest(&self, of: &Tenant) -> Guest<'_> {
        let mut guest = self.verifier.guest().of(of.name);
        guest.digest = of.digest;
        guest
    }
}

fn token_of(guest: &Guest<'_>) -> (String, String) {
    let opened = guest.auth();
    let answer = guest.attest(&opened);
    let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    (opened.cookie, said["token"].as_str().unwrap().to_owned())
}

#[test]
fn secrets_of_one_name_go_each_to_its_own_tenants_guest() {
    let place = Place::new();
    let two = Two::on(&place);

    for tenant in [&two.acme, &two.beta] {
        let guest = two.guest(tenant);
        let (secret, _) = guest.fetch(&place.pins);
        assert_eq!(secret, tenant.secret, "{}", tenant.name);
    }

    assert_eq!(two.verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn launch_that_another_tenant_allows_is_refused() {
    let place = Place::new();
    let two = Two::on(&place);
    let mut guest = two.guest(&two.acme);
    guest.digest = two.beta.digest;

    let answer = guest.attest(&guest.auth());

    let detail = expect_error(&answer, 401, "AttestationFailed");
    assert!(detail.contains("reference"), "{detail}");
}

#[test]
fn cookie_of_one_tenants_session_is_nothing_in_another() {
    let place = Place::new();
    let two = Two::on(&place);
    let guest = two.guest(&two.acme);
    let elsewhere = two.guest(&two.acme).of("beta");
    let opened = guest.auth();

    let answer = elsewhere.attest(&opened);

    expect_error(&answer, 401, "TokenNotFound");
    // Its nonce is not used up by that: nobody can spoil another tenant's session.
    assert_eq!(guest.attest(&opened).status, 200);
    let answer = elsewhere.resource(&opened.cookie, RESOURCE);
    expect_error(&answer, 401, "TokenNotFound");
    let unnamed = two.verifier.guest().resource(&opened.cookie, RESOURCE);
    expect_error(&unnamed, 401, "TokenNotFound");
    assert_eq!(guest.resource(&opened.cookie, RESOURCE).status, 200);
}

#[test]
fn cookie_is_sent_back_below_its_tenants_paths_alone() {
    let place = Place::new();
    let two = Two::on(&place);
    let request = attestation_evidence::Request::new(attestation_evidence::Tee::Simulated);
    let auth = |path: &str| {
        let body = request.to_json();
        let answer = two.verifier.client().send(&Request {
            method: "POST",
            path,
            body: Some(body.as_bytes()),
            cookie: None,
        });
        answer.unwrap().set_cookies.remove(0)
    };

    for (path, wanted) in [
        ("/t/acme/kbs/v0/auth", "Path=/t/acme/kbs"),
        ("/kbs/v0/auth", "Path=/kbs"),
    ] {
        let cookie = auth(path);
        assert!(cookie.split("; ").any(|part| part == wanted), "{cookie}");
    }
}

#[test]
fn token_of_one_tenants_guest_is_nothing_in_another() {
    let place = Place::new();
    let two = Two::on(&place);
    let (_, token) = token_of(&two.guest(&two.acme));
    let at = |below: &str| {
        let path = format!("{below}/kbs/v0/resource/{RESOURCE}");
        two.verifier.send(&token, "GET", &path, None)
    };

    for below in ["/t/beta", "", "/t/default", "/t/nowhere"] {
        expect_error(&at(below), 401, "TokenVerifierError");
    }
    assert_eq!(at("/t/acme").status, 200);
}

#[test]
fn log_shows_each_tenant_its_own_entries_alone() {
    let place = Place::new();
    let two = Two::on(&place);
    token_of(&two.guest(&two.beta));
    let size = two.verifier.log_size();

    let mut seen = 0;
    for tenant in [&two.acme, &two.beta] {
        let page = two
            .ask(tenant, tenant, "GET", "/v1/audit/entries", None)
            .body;
        let page: Vec<serde_json::Value> = serde_json::from_slice(&page).unwrap();
        let own: Vec<u64> = page
            .iter()
            .map(|one| one["index"].as_u64().unwrap())
            .collect();
        for one in &page {
            assert_eq!(one["entry"]["tenant"], tenant.name, "{one}");
        }
        for index in 0..crate::support::BORN + size {
            let path = format!("/v1/audit/entries/{index}");
            let status = two.ask(tenant, tenant, "GET", &path, None).status;
            let wanted = if own.contains(&index) { 200 } else { 404 };
            assert_eq!(status, wanted, "{} {index}", tenant.name);
        }
        seen += page.len();
    }
    assert_eq!(u64::try_from(seen).unwrap(), size);
}

#[test]
fn what_one_tenant_does_to_its_own_leaves_the_others_as_it_is() {
    let place = Place::new();
    let two = Two::on(&place);
    let (cookie, _) = token_of(&two.guest(&two.beta));
    let before = two
        .verifier
        .send(&two.beta.admin, "GET", "/t/beta/v1/policies/demo", None)
        .body;
    let stricter = policy_without_smt().into_bytes();

    for (method, path, body) in [
        ("PUT", "/v1/policies/demo", Some(stricter.as_slice())),
        (
            "PUT",
            "/v1/reference-values/demo/revocation",
            Some(br#"{"reason":"over"}"#.as_slice()),
        ),
        ("DELETE", "/v1/secrets/default/disk/data", None),
        ("DELETE", "/v1/reference-values/demo", None),
        ("DELETE", "/v1/policies/demo", None),
    ] {
        let answer = two.ask(&two.acme, &two.acme, method, path, body);
        assert_eq!(answer.status, 200, "{method} {path}");
    }

    let after = two
        .verifier
        .send(&two.beta.admin, "GET", "/t/beta/v1/policies/demo", None)
        .body;
    assert_eq!(before, after);
    let answer = two.guest(&two.beta).resource(&cookie, RESOURCE);
    assert_eq!(answer.status, 200);
}

#[test]
fn tenant_that_nobody_made_is_refused_though_a_token_is_for_it() {
    let place = Place::new();
    let verifier = place.serve();
    let admin = place.bootstrap("ghost", 1);
    let policy = policy().into_bytes();

    let answer = verifier.send(&admin, "PUT", "/t/ghost/v1/policies/demo", Some(&policy));

    expect_error(&answer, 403, "NotPermitted");
    assert_eq!(verifier.log_size(), 0);
}

#[test]
fn tenant_is_made_by_an_operator_once_and_stays_over_a_restart() {
    let place = Place::new();
    let verifier = place.serve();
    let operator = place.bootstrap("acme", 7);
    let path = "/v1/tenants/acme";

    expect_error(&verifier.send("", "PUT", path, None), 401, "NotProven");
    assert_eq!(verifier.send(&operator, "PUT", path, None).status, 200);
    let again = verifier.send(&operator, "PUT", path, None);
    expect_error(&again, 400, "InvalidRequest");
    let quotas = br#"{"challenges": {"per_second": 1, "burst": 2}}"#;
    let path = "/v1/tenants/acme/quotas";
    assert_eq!(
        verifier.send(&operator, "PUT", path, Some(quotas)).status,
        200
    );
    verifier.stop();

    let verifier = place.serve();
    let listed = verifier.send(&operator, "GET", "/v1/tenants", None);
    let listed: serde_json::Value = serde_json::from_slice(&listed.body).unwrap();
    assert_eq!(listed[0]["name"], "acme");
    assert_eq!(listed[0]["quotas"]["challenges"]["burst"], 2);
    assert_eq!(listed[1]["name"], "default");
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

/// More challenges than a tenant may have at once are refused, and no other tenant's guest with them.
#[test]
fn tenant_beyond_its_rate_is_told_when_to_come_again_and_no_other_is() {
    let place = Place::new();
    let two = Two::on(&place);
    let quotas = br#"{"challenges": {"per_second": 1, "burst": 2}}"#;
    let path = "/v1/tenants/acme/quotas";
    let set = two
        .verifier
        .send(&two.acme.admin, "PUT", path, Some(quotas));
    assert_eq!(set.status, 200);
    let ask = |tenant: &Tenant| {
        let body = attestation_evidence::Request::new(attestation_evidence::Tee::Simulated);
        let path = format!("/t/{}/kbs/v0/auth", tenant.name);
        let body = body.to_json();
        two.verifier.send("", "POST", &path, Some(body.as_bytes()))
    };

    let answers: Vec<Answer> = (0..4).map(|_| ask(&two.acme)).collect();

    assert_eq!(answers[0].status, 200);
    expect_error(&answers[3], 429, "TooManyRequests");
    assert_eq!(ask(&two.beta).status, 200);
}
