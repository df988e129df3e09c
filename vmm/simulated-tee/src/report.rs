//! Attestation reports in the hardware's own format, version 3 (AMD 56860, table 23).

use measured_boot_snp_abi::{
    AttestationReport, REPORT_SIZE, SIGNATURE_ECDSA_P384_SHA384, TcbVersion,
};
use ring::rand::SecureRandom as _;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromZeros as _, IntoBytes as _};

use crate::identity;
use crate::keys::{SCALAR_LEN, SignError, SigningKey};
use crate::launch::Measurement;

/// Bit 5, ALIAS_CHECK_COMPLETE; simultaneous multithreading (bit 0) is off.
const PLATFORM_INFO: u64 = 1 << 5;
/// The firmware that it pretends to run: 1.58, build 1.
const FIRMWARE: (u8, u8, u8) = (1, 58, 1);

/// Signs reports for one launched guest.
pub struct Reporter {
    key: SigningKey,
    measurement: Measurement,
    report_id: [u8; 32],
}

impl Reporter {
    /// For the guest that `measurement` is of.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new(key: SigningKey, measurement: Measurement) -> Result<Self, SignError> {
        let mut report_id = [0; 32];
        key.random().fill(&mut report_id).map_err(|_| SignError)?;
        Ok(Self {
            key,
            measurement,
            report_id,
        })
    }

    /// A signed report with `report_data` in it.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn report(&self, report_data: [u8; 64]) -> Result<Box<[u8; REPORT_SIZE]>, SignError> {
        let mut report = self.unsigned(report_data);
        let (r, s) = self.key.sign(report.signed_bytes())?;
        report.signature.r[..SCALAR_LEN].copy_from_slice(&r);
        report.signature.s[..SCALAR_LEN].copy_from_slice(&s);
        let bytes = report
            .as_bytes()
            .try_into()
            .expect("a report has its own size");
        Ok(Box::new(bytes))
    }

    fn unsigned(&self, report_data: [u8; 64]) -> AttestationReport {
        let tcb = TcbVersion::milan(
            identity::BOOTLOADER,
            identity::TEE,
            identity::SNP,
            identity::MICROCODE,
        );
        let parameters = &self.measurement.parameters;
        let mut report = AttestationReport::new_zeroed();
        report.version = U32::new(3);
        report.guest_svn = U32::new(parameters.id.guest_svn);
        report.policy = U64::new(parameters.policy.bits());
        report.family_id = parameters.id.family_id;
        report.image_id = parameters.id.image_id;
        report.signature_algorithm = U32::new(SIGNATURE_ECDSA_P384_SHA384);
        report.current_tcb = tcb;
        report.platform_info = U64::new(PLATFORM_INFO);
        report.report_data = report_data;
        report.measurement = self.measurement.launch_digest;
        report.host_data = parameters.host_data;
        report.report_id = self.report_id;
        // No migration agent.
        report.report_id_ma = [0xff; 32];
        report.reported_tcb = tcb;
        report.cpuid_family = identity::FAMILY;
        report.cpuid_model = identity::MODEL;
        report.cpuid_stepping = identity::STEPPING;
        report.chip_id = identity::CHIP_ID;
        report.committed_tcb = tcb;
        report.launch_tcb = tcb;
        (
            report.current_major,
            report.current_minor,
            report.current_build,
        ) = FIRMWARE;
        (
            report.committed_major,
            report.committed_minor,
            report.committed_build,
        ) = FIRMWARE;
        report
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use measured_boot_snp_abi::GuestPolicy;
    use ring::signature::{
        ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
        UnparsedPublicKey,
    };
    use vmm_wire::IdFields;

    use super::*;
    use crate::launch::Parameters;

    /// A reporter over made-up values, and the public key of what it signs.
    pub(crate) fn reporter() -> (Reporter, Vec<u8>) {
        let random = ring::rand::SystemRandom::new();
        let algorithm = &ECDSA_P384_SHA384_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        let measurement = Measurement {
            parameters: Parameters {
                policy: GuestPolicy::STRICT,
                host_data: [7; 32],
                id: IdFields {
                    guest_svn: 9,
                    ..IdFields::default()
                },
            },
            launch_digest: [5; 48],
        };
        let key = SigningKey::from_pkcs8(pkcs8.as_ref()).unwrap();
        (
            Reporter::new(key, measurement).unwrap(),
            pair.public_key().as_ref().to_vec(),
        )
    }

    #[test]
    fn report_carries_what_was_measured_and_asked() {
        let (reporter, _) = reporter();
        let bytes = reporter.report([3; 64]).unwrap();
        let report = AttestationReport::from_untrusted(&bytes[..]).unwrap();
        assert_eq!(report.measurement, [5; 48]);
        assert_eq!(report.report_data, [3; 64]);
        assert_eq!(report.host_data, [7; 32]);
        assert_eq!(report.guest_svn.get(), 9);
        assert_eq!(report.guest_policy(), GuestPolicy::STRICT);
        assert!(report.chip_id.starts_with(b"SIMULATED"));
    }

    #[test]
    fn signature_is_little_endian_and_verifies_over_the_signed_part() {
        let (reporter, public_key) = reporter();
        let bytes = reporter.report([3; 64]).unwrap();
        let report = AttestationReport::from_untrusted(&bytes[..]).unwrap();
        let signature = report.signature.to_big_endian().unwrap();
        UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, &public_key)
            .verify(report.signed_bytes(), &signature)
            .unwrap();
    }
}
