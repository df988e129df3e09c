//! Where the certificate of the key that signed a report is to be had.

use attestation_snp::{Product, SnpClaims, VekKind};

const NO_CERTIFICATE: &str = "the evidence brings no certificate of the key that signed it";

/// What to do where there is none; nothing where there is one, or where the report does not say whose it is.
pub fn missing(claims: &SnpClaims) -> Option<String> {
    if claims.vek.is_some() {
        return None;
    }
    match claims.key_info.signing_key? {
        VekKind::Vcek => vcek(claims),
        VekKind::Vlek => Some(format!(
            "{NO_CERTIFICATE}, a VLEK: the cloud provider gives it out, to be named by --vek"
        )),
    }
}

/// AMD's Key Distribution Service has it, under chip and TCB (AMD 57230 revision 0.5, "VCEK certificate").
fn vcek(claims: &SnpClaims) -> Option<String> {
    let chip = claims.chip_id.as_ref()?;
    let cpu = claims.cpu;
    let product = cpu.map(|cpu| Product::of_cpu(cpu.family, cpu.model));
    let (name, which, length) = match product {
        Some(None) => return None,
        Some(Some(product)) => (
            service_name(product),
            "the product by the report's CPU",
            product.chip_id_length(),
        ),
        None => (
            "PRODUCT",
            "PRODUCT being Milan or Genoa, which a report of version 2 does not tell",
            chip.0.len(),
        ),
    };
    let tcb = &claims.reported_tcb;
    let fmc = tcb.fmc.map(|fmc| format!("fmcSPL={fmc}&"));
    Some(format!(
        "{NO_CERTIFICATE}: AMD has it, to be named by --vek ({which}): \
         https://kdsintf.amd.com/vcek/v1/{name}/{}?{}blSPL={}&teeSPL={}&snpSPL={}&ucodeSPL={}",
        hex::encode(chip.0.get(..length)?),
        fmc.unwrap_or_default(),
        tcb.boot_loader,
        tcb.tee,
        tcb.snp,
        tcb.microcode,
    ))
}

/// As the service spells it.
const fn service_name(product: Product) -> &'static str {
    match product {
        Product::Milan => "Milan",
        Product::Genoa => "Genoa",
        Product::Turin => "Turin",
    }
}
