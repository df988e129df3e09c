//! What the loader of one platform does.

use crate::directive::{Directive, DirectiveKind};
use crate::fault::Rule;
use crate::{Igvm, IgvmFault, MAX_PAGES, PAGE_BYTES, Platform, PlatformKind, SnpIdBlock};

/// The directives for one platform, in the file's order. No page is added twice, no area used after it
/// was inserted, and there are at most [`MAX_PAGES`] pages.
#[derive(Clone, Debug)]
pub struct Loading<'f, 'a> {
    platform: Platform,
    policy: Option<u64>,
    is_relocatable: bool,
    headers_at: usize,
    directives: Vec<&'f Directive<'a>>,
}

impl<'f, 'a> Loading<'f, 'a> {
    pub(crate) fn of(platform: Platform, file: &'f Igvm<'a>) -> Result<Self, IgvmFault> {
        let is_meant = |mask: u32| mask & platform.mask != 0;
        let directives = file.directives().iter();
        let policy = file.policies().iter().find(|policy| is_meant(policy.mask));
        let loading = Self {
            platform,
            policy: policy.map(|policy| policy.policy),
            is_relocatable: file.is_relocatable(platform.mask),
            headers_at: file.headers_at(),
            directives: directives.filter(|one| is_meant(one.mask)).collect(),
        };
        loading.refuse_pages_twice()?;
        loading.refuse_areas_gone()?;
        loading.refuse_vp_contexts()?;
        loading.refuse_id_blocks_twice()?;
        Ok(loading)
    }

    /// The platform.
    pub fn platform(&self) -> Platform {
        self.platform
    }

    /// The guest policy.
    ///
    /// # Errors
    /// The file has none for this platform.
    pub fn policy(&self) -> Result<u64, IgvmFault> {
        let missing = Rule::PolicyMissing(self.platform.kind);
        self.policy.ok_or(missing.at(self.headers_at))
    }

    /// Whether a loader may move pages to other addresses; they are measured there then.
    pub fn is_relocatable(&self) -> bool {
        self.is_relocatable
    }

    /// The directives, in the file's order.
    pub fn directives(&self) -> impl Iterator<Item = &'f Directive<'a>> {
        self.directives.iter().copied()
    }

    /// The ID block, if there is one.
    pub fn snp_id_block(&self) -> Option<&'f SnpIdBlock<'a>> {
        self.directives()
            .find_map(|directive| match &directive.kind {
                DirectiveKind::SnpIdBlock(block) => Some(block),
                _ => None,
            })
    }

    /// The memory that pages and inserted areas take: address, size, and offset of the directive.
    fn memory(&self) -> impl Iterator<Item = (u64, u64, usize)> {
        self.directives().filter_map(|directive| {
            let (gpa, bytes) = match &directive.kind {
                DirectiveKind::Page(page) => (page.gpa, page.bytes()),
                DirectiveKind::Insert(insert) => (insert.gpa, insert.bytes),
                _ => return None,
            };
            Some((gpa, bytes, directive.offset))
        })
    }

    fn refuse_pages_twice(&self) -> Result<(), IgvmFault> {
        let mut pages = 0_u64;
        for (_, bytes, offset) in self.memory() {
            pages = pages.saturating_add(bytes / PAGE_BYTES);
            if pages > MAX_PAGES {
                return Err(Rule::TooManyPages.at(offset));
            }
        }
        let mut sorted: Vec<_> = self.memory().filter(|(_, bytes, _)| *bytes > 0).collect();
        sorted.sort_unstable();
        let overlap = sorted
            .windows(2)
            .find(|pair| pair[0].0 + pair[0].1 > pair[1].0);
        overlap.map_or(Ok(()), |pair| Err(Rule::PageTwice(pair[1].0).at(pair[1].2)))
    }

    fn refuse_areas_gone(&self) -> Result<(), IgvmFault> {
        let mut inserted = std::collections::BTreeSet::new();
        for directive in self.directives() {
            let (area, is_new) = match &directive.kind {
                DirectiveKind::Insert(insert) => (insert.area, inserted.insert(insert.area)),
                DirectiveKind::Parameter(area) => (*area, !inserted.contains(area)),
                _ => continue,
            };
            if !is_new {
                return Err(Rule::AreaGone(area).at(directive.offset));
            }
        }
        Ok(())
    }

    fn refuse_vp_contexts(&self) -> Result<(), IgvmFault> {
        let mut seen = std::collections::BTreeSet::new();
        let needs_page = matches!(
            self.platform.kind,
            PlatformKind::SevSnp | PlatformKind::SevEs
        );
        for directive in self.directives() {
            let DirectiveKind::VpContext(context) = &directive.kind else {
                continue;
            };
            if needs_page && context.data.is_none() {
                return Err(Rule::VpContextMissing.at(directive.offset));
            }
            if !seen.insert(context.vp_index) {
                return Err(Rule::VpContextTwice(context.vp_index).at(directive.offset));
            }
        }
        Ok(())
    }

    fn refuse_id_blocks_twice(&self) -> Result<(), IgvmFault> {
        let is_id_block =
            |directive: &&&Directive<'_>| matches!(directive.kind, DirectiveKind::SnpIdBlock(_));
        match self.directives.iter().filter(is_id_block).nth(1) {
            Some(second) => Err(Rule::IdBlockTwice.at(second.offset)),
            None => Ok(()),
        }
    }
}
