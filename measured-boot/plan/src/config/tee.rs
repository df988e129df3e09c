//! `[tee]`.

use super::{ConfigError, IdBlockFiles, Judge, TeeConfig, text};
use crate::{IdFields, QuoteService, TeeKind};
use toml::Spanned;

impl Judge<'_> {
    pub(super) fn tee(&self, tee: text::Tee) -> Result<TeeConfig, ConfigError> {
        let kind = match tee.kind.get_ref().as_str() {
            "simulated" => TeeKind::Simulated,
            "snp" => TeeKind::Snp,
            "tdx" => TeeKind::Tdx,
            other => {
                let problem = why_not(other);
                let remedy = "use simulated, snp or tdx";
                return Err(self.refuse(&tee.kind, "tee.kind", problem, remedy));
            }
        };
        self.refuse_two_of_one(&tee)?;
        Ok(TeeConfig {
            kind,
            debug: tee.debug,
            smt: tee.smt.unwrap_or(true),
            host_data: self.hex("tee.host_data", tee.host_data)?,
            init_data: self.path("tee.init_data", tee.init_data)?,
            id: IdFields {
                family_id: self.hex("tee.family_id", tee.family_id)?,
                image_id: self.hex("tee.image_id", tee.image_id)?,
                guest_svn: tee.guest_svn,
            },
            id_block: self.id_block(tee.id_block, tee.id_auth)?,
            mr_config_id: self.hex("tee.mrconfigid", tee.mrconfigid)?,
            mr_owner: self.hex("tee.mrowner", tee.mrowner)?,
            mr_owner_config: self.hex("tee.mrownerconfig", tee.mrownerconfig)?,
            quote_service: tee
                .quote_service
                .map(|text| self.quote_service(&text))
                .transpose()?,
            keys: tee.keys,
            certificates: self.path("tee.certificates", tee.certificates)?,
        })
    }

    /// What is reported must come from one place.
    fn refuse_two_of_one(&self, tee: &text::Tee) -> Result<(), ConfigError> {
        let by_init_data = [
            ("tee.host_data", &tee.host_data),
            ("tee.mrconfigid", &tee.mrconfigid),
        ];
        let by_id_block = [
            ("tee.family_id", &tee.family_id),
            ("tee.image_id", &tee.image_id),
        ];
        let twice = [
            (
                tee.init_data.is_some(),
                by_init_data,
                "init_data says it already",
            ),
            (
                tee.id_block.is_some(),
                by_id_block,
                "the ID block says it already",
            ),
        ];
        for (is_said, keys, problem) in twice {
            for (key, value) in keys {
                if let Some(value) = value.as_ref().filter(|_| is_said) {
                    return Err(self.refuse(
                        value,
                        key,
                        problem.to_owned(),
                        "leave one of the two",
                    ));
                }
            }
        }
        match &tee.id_block {
            Some(block) if tee.guest_svn != 0 => {
                let problem = "the ID block says it already".to_owned();
                Err(self.refuse(block, "tee.guest_svn", problem, "leave one of the two"))
            }
            _ => Ok(()),
        }
    }

    fn id_block(
        &self,
        block: Option<Spanned<String>>,
        auth: Option<Spanned<String>>,
    ) -> Result<Option<IdBlockFiles>, ConfigError> {
        match (block, auth) {
            (None, None) => Ok(None),
            (Some(block), None) => Err(self.missing(&block, "tee", "id_auth")),
            (None, Some(auth)) => Err(self.missing(&auth, "tee", "id_block")),
            (Some(block), Some(auth)) => Ok(Some(IdBlockFiles {
                block: block.into_inner(),
                auth: auth.into_inner(),
            })),
        }
    }

    fn quote_service(&self, text: &Spanned<String>) -> Result<QuoteService, ConfigError> {
        quote_service(text.get_ref()).ok_or_else(|| {
            let problem = format!("\"{}\" is no quote service", text.get_ref());
            let remedy = "use \"unix:PATH\" or \"vsock:CID:PORT\"";
            self.refuse(text, "tee.quote_service", problem, remedy)
        })
    }
}

/// SEV and SEV-ES encrypt, and that is all: nothing keeps a host from playing back what memory held before,
/// or from mapping one page for another (APM volume 2 rev 3.42, section 15.36, "SEV-SNP", says what was
/// added against that), and no report shows a guest's launch to whoever is to trust it.
fn why_not(kind: &str) -> String {
    let other = match kind {
        "sev" => "SEV keeps registers open to the host, and",
        "sev-es" => "SEV-ES",
        _ => return format!("\"{kind}\" is no TEE"),
    };
    format!(
        "{other} does not keep a host from replaying and remapping a guest's memory, and gives a guest no report of its \
         launch: that protects nothing from this host"
    )
}

fn quote_service(text: &str) -> Option<QuoteService> {
    if let Some(path) = text.strip_prefix("unix:") {
        return (!path.is_empty()).then(|| QuoteService::Unix(path.to_owned()));
    }
    let (cid, port) = text.strip_prefix("vsock:")?.split_once(':')?;
    let number = |text: &str| {
        text.parse()
            .ok()
            .filter(|number| (1..u32::MAX).contains(number))
    };
    Some(QuoteService::Vsock {
        cid: number(cid)?,
        port: number(port)?,
    })
}
