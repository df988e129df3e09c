//! Who may do what, where.

use attestation_access::{
    Action, BootstrapToken, Denial, DenialReason, Grant, Identity, Role, TenantName, TenantRole,
    Verifier, check, decide, deeds, may,
};

use crate::signer::person;

fn tenant(name: &str) -> TenantName {
    name.parse().unwrap()
}

fn of(name: &str, role: TenantRole) -> Grant {
    Grant::of(tenant(name), role)
}

/// Somebody who is everything in tenant alpha.
fn everything_in_alpha() -> Identity {
    person(
        "corp",
        "alice",
        &TenantRole::ALL.map(|role| of("alpha", role)),
    )
}

#[test]
fn each_role_may_in_its_tenant_what_the_table_says_and_nothing_elsewhere() {
    let (alpha, beta) = (tenant("alpha"), tenant("beta"));
    for role in TenantRole::ALL {
        let identity = person("corp", "alice", &[of("alpha", role)]);
        for action in Action::ALL {
            let here = check(&identity, *action, Some(&alpha)).is_ok();
            assert_eq!(here, may(Role::Of(role), *action), "{role:?} {action}");
            assert!(check(&identity, *action, Some(&beta)).is_err());
            assert!(check(&identity, *action, None).is_err());
        }
    }
}

#[test]
fn operator_may_everywhere_what_the_table_says() {
    let identity = person("corp", "olga", &[Grant::Operator]);
    for action in Action::ALL {
        for place in [Some(&tenant("alpha")), Some(&tenant("beta")), None] {
            let found = check(&identity, *action, place).is_ok();
            assert_eq!(found, may(Role::Operator, *action), "{action}");
        }
    }
}

#[test]
fn who_proved_nothing_or_has_no_role_may_nothing() {
    let stranger = person("corp", "mallory", &[]);
    for action in Action::ALL {
        for place in [Some(&tenant("alpha")), None] {
            assert!(check(&Identity::nobody(), *action, place).is_err());
            assert!(check(&stranger, *action, place).is_err());
        }
    }
}

#[test]
fn role_in_one_tenant_and_another_role_elsewhere_are_not_mixed() {
    let identity = person(
        "corp",
        "alice",
        &[
            of("alpha", TenantRole::Auditor),
            of("beta", TenantRole::PolicyAuthor),
        ],
    );
    assert!(check(&identity, Action::WritePolicy, Some(&tenant("alpha"))).is_err());
    assert!(check(&identity, Action::WritePolicy, Some(&tenant("beta"))).is_ok());
    assert!(check(&identity, Action::ReadAudit, Some(&tenant("beta"))).is_err());
    assert_eq!(
        identity.tenants(),
        [&tenant("alpha"), &tenant("beta")].into()
    );
}

#[test]
fn permit_says_who_may_do_what_where() {
    let permit = decide::<deeds::WritePolicy>(&everything_in_alpha(), &tenant("alpha")).unwrap();
    assert_eq!(permit.subject().as_str(), "oidc:corp:alice");
    assert_eq!(permit.action(), Action::WritePolicy);
    assert_eq!(permit.tenant(), &tenant("alpha"));
    let operator = person("corp", "olga", &[Grant::Operator]);
    let permit = decide::<deeds::ListTenants>(&operator, &Verifier).unwrap();
    assert_eq!(permit.place(), &Verifier);
    let permit = decide::<deeds::CreateTenant>(&operator, &tenant("new")).unwrap();
    assert_eq!(permit.tenant(), &tenant("new"));
}

#[test]
fn every_denial_is_answered_alike_and_told_apart_within() {
    let alpha = tenant("alpha");
    let deny = |identity: &Identity, name: &str| {
        check(identity, Action::WriteSecret, Some(&tenant(name))).unwrap_err()
    };
    let denials = [
        deny(&Identity::nobody(), "alpha"),
        deny(&person("corp", "mallory", &[]), "alpha"),
        deny(&everything_in_alpha(), "beta"),
        deny(&everything_in_alpha(), "no-such-tenant"),
        deny(
            &person("corp", "bob", &[of("alpha", TenantRole::Auditor)]),
            "alpha",
        ),
        deny(
            &person(
                "corp",
                "carol",
                &[Grant::Operator, of("alpha", TenantRole::SecretOwner)],
            ),
            "beta",
        ),
    ];
    for denial in &denials {
        assert_eq!(denial.to_string(), Denial::ANSWER);
        assert_eq!(format!("{denial:?}"), format!("{:?}", denials[0]));
    }
    let within: Vec<_> = denials
        .iter()
        .map(|denial| denial.reason().to_string())
        .collect();
    assert_eq!(
        within,
        [
            "nobody, who proved nothing, asked for write-secret",
            "oidc:corp:mallory, who has no role anywhere, asked for write-secret",
            "oidc:corp:alice, who has no role in tenant beta, asked for write-secret",
            "oidc:corp:alice, who has no role in tenant no-such-tenant, asked for write-secret",
            "oidc:corp:bob asked for write-secret in tenant alpha, which auditor may not",
            "oidc:corp:carol asked for write-secret in tenant beta, which operator may not; roles in \
             alpha do not count there",
        ]
    );
    let reason = denials[4].reason();
    assert!(matches!(reason, DenialReason::NotByRole { tenant, .. } if *tenant == Some(alpha)));
}

#[test]
fn bootstrap_token_may_what_it_was_given_and_no_more() {
    let token = "0".repeat(64);
    let kept = BootstrapToken::new(BootstrapToken::digest(&token), 0, 10, [Grant::Operator]);
    let identity = kept.unwrap().prove(&token, 5).unwrap();
    assert!(check(&identity, Action::CreateTenant, Some(&tenant("alpha"))).is_ok());
    assert!(check(&identity, Action::WritePolicy, Some(&tenant("alpha"))).is_err());
}
