//! A guest that is broken or means harm: it converts what devices use, and asks for nonsense.
//!
//! It may see its devices fail and must then be able to reset them; it may see zeros where it took a page
//! away. It must never see, nor let a device see, what a page held before.

use crate::block::{Read, SECTORS_OF_A_PAGE};
use crate::cpu;
use crate::memory::{Content, POOL_PAGES, device_pages, pool_pages};
use crate::pattern::Kind;
use crate::run;
use crate::state::State;
use crate::vsock::Expect;
use crate::world::{Fault, World};

const PAGE: u64 = 4096;
const PRIVATE: u64 = 1 << 4;

/// The most pages that one request may name (`vmm_conversion::MOST_PAGES`).
const MOST_PAGES: u64 = 253 * 512;

/// Addresses without memory: a device, the I/O APIC, a local APIC, the first byte above 4 GiB, and the last
/// page that an address can name.
const NOT_MEMORY: [u64; 6] = [
    0xd000_0000,
    0xfec0_0000,
    0xfee0_0000,
    1 << 32,
    1 << 51,
    !0xfff,
];

/// More pages than there are: what is left when it is multiplied by 4096 fits into memory for some.
const HUGE: [u64; 6] = [
    1 << 52,
    (1 << 52) + 1,
    (1 << 52) - 1,
    1 << 63,
    u64::MAX,
    1 << 40,
];

/// One hostile step.
///
/// # Errors
/// Something stale, or an answer that is wrong.
pub fn step(world: &mut World) -> Result<(), Fault> {
    match world.random.below(12) {
        0..=2 => nonsense(world),
        3 => unknown_call(world),
        4 => steal_from_disk(world),
        5 => steal_from_socket(world),
        6 => steal_from_rings(world),
        7 => send_private(world),
        8 => read_into_private(world),
        9 => convert_twice(world),
        10 if world.random.once_in(8) => convert_all(world),
        _ => {
            for _ in 0..16 {
                run::step(world)?;
            }
            Ok(())
        }
    }
}

/// A request that means nothing must be refused, and change nothing.
fn nonsense(world: &mut World) -> Result<(), Fault> {
    world.settle()?;
    let page = world.random.below(POOL_PAGES);
    let address = world.memory.in_pool(page).address();
    let memory = world.orders.memory;
    let random = &mut world.random;
    let small = u64::from(random.below(16));
    let attributes = if random.once_in(2) { PRIVATE } else { 0 };
    let request = match random.below(8) {
        0 => [address, 1, attributes | 1 << (5 + random.below(59))],
        1 => [address, 0, attributes],
        2 => [address, *random.pick(&HUGE), attributes],
        3 => [!0xfff - small * PAGE, small + 2, attributes],
        4 => [address + 1 + u64::from(random.below(4095)), 1, attributes],
        5 => [memory - small * PAGE, small + 1, attributes],
        6 => [*random.pick(&NOT_MEMORY), small + 1, attributes],
        _ if memory > (MOST_PAGES + 1) * PAGE => {
            [memory - (MOST_PAGES + 1) * PAGE, MOST_PAGES + 1, attributes]
        }
        // From a page that is memory to beyond it: all of it is refused, not the rest.
        _ => [address, memory / PAGE, attributes],
    };
    let answer = world.ask(request);
    if answer == 0 {
        let what = "nonsense was taken for a request";
        return Err(Fault::Answer {
            what,
            request,
            answer,
        });
    }
    world.counts.refused += 1;
    look_at(world, page)
}

/// Another hypercall than the one for conversions.
fn unknown_call(world: &mut World) -> Result<(), Fault> {
    let number = 100 + world.random.any() % (1 << 40);
    let request = [world.random.any(), world.random.any(), world.random.any()];
    let answer = world.call(number, request);
    if answer == 0 {
        let what = "a hypercall that there is not was answered";
        return Err(Fault::Answer {
            what,
            request,
            answer,
        });
    }
    world.counts.refused += 1;
    Ok(())
}

/// A page is as it was.
fn look_at(world: &mut World, page: u32) -> Result<(), Fault> {
    match world.states.of(page) {
        State::Shared(content) => world.check("a shared page", page, Kind::Shared, content),
        State::Private(content) => world.check("a private page", page, Kind::Private, content),
        State::Lent => Ok(()),
    }
}

/// Pages that follow each other and are alike, at most four; `None` where there are none at a random place.
fn some(world: &mut World, is: impl Fn(State) -> bool) -> Option<(u32, u32)> {
    let first = world.random.below(POOL_PAGES);
    let most = 1 + world.random.below(4);
    let pages = world.states.run(first, most, is);
    (pages > 0).then_some((first, pages))
}

fn is_shared(state: State) -> bool {
    matches!(state, State::Shared(_))
}

fn is_private(state: State) -> bool {
    matches!(state, State::Private(_))
}

/// Pages become private while the disk is read into them.
fn steal_from_disk(world: &mut World) -> Result<(), Fault> {
    let Some((first, pages)) = some(world, is_shared) else {
        return Ok(());
    };
    world.settle()?;
    let read = begin_read(world, first, pages);
    world.make_private(first, pages)?;
    world.counts.stolen += u64::from(pages);
    wait_for_disk(world)?;
    after_read_beneath(world, read)
}

/// The disk is read into pages that are private.
fn read_into_private(world: &mut World) -> Result<(), Fault> {
    let Some((first, pages)) = some(world, is_private) else {
        return Ok(());
    };
    world.settle()?;
    let read = begin_read(world, first, pages);
    world.counts.stolen += u64::from(pages);
    wait_for_disk(world)?;
    after_read_beneath(world, read)
}

fn begin_read(world: &mut World, first: u32, pages: u32) -> Read {
    let places = world.block.sectors() - pages * SECTORS_OF_A_PAGE;
    let sector = world.random.below(places);
    let read = Read {
        first,
        pages,
        sector,
    };
    world.block.read(&world.memory, read);
    read
}

fn wait_for_disk(world: &mut World) -> Result<(), Fault> {
    world.wait_raw("the disk does not answer", |world| {
        world.block.finished().is_some()
    })
}

/// The guest's pages are as it wrote them. Shared again, they hold zeros or what the disk wrote since they
/// became private, and nothing else.
fn after_read_beneath(world: &mut World, read: Read) -> Result<(), Fault> {
    for page in read.first..read.first + read.pages {
        look_at(world, page)?;
    }
    world.make_shared_unseen(read.first, read.pages)?;
    let sectors = (read.sector..).step_by(8);
    for (page, sector) in (read.first..read.first + read.pages).zip(sectors) {
        let what = "a page that the disk was read into while it was private";
        world
            .memory
            .in_pool(page)
            .check_or_zero(Kind::Shared, Content::Disk(sector))
            .map_err(|wrong| Fault::Page { what, page, wrong })?;
        world.counts.content_checks += 1;
        refill(world, page);
    }
    Ok(())
}

/// A shared page whose content is not known in every word gets one that is.
fn refill(world: &mut World, page: u32) {
    let content = Content::Pattern(world.tag());
    world.memory.in_pool(page).fill(Kind::Shared, content);
    world.states.set(page, State::Shared(content));
}

/// A page becomes private while it is being sent, and is written at once.
fn steal_from_socket(world: &mut World) -> Result<(), Fault> {
    let Some((page, _)) = some(world, is_shared) else {
        return Ok(());
    };
    world.settle()?;
    let content = Content::Pattern(world.tag());
    let place = world.memory.in_pool(page);
    place.fill(Kind::Shared, content);
    world.vsock.send_page(place, Expect::OrZero(content));
    world.make_private(page, 1)?;
    world.counts.stolen += 1;
    world.settle()?;
    look_at(world, page)?;
    world.make_shared(page, 1)
}

/// A private page is sent: nobody outside may see anything of it, nor what it held when it was shared.
fn send_private(world: &mut World) -> Result<(), Fault> {
    let Some((page, _)) = some(world, is_private) else {
        return Ok(());
    };
    world.settle()?;
    let place = world.memory.in_pool(page);
    world.vsock.send_page(place, Expect::Exactly(Content::Zero));
    world.counts.stolen += 1;
    world.settle()?;
    look_at(world, page)
}

/// Converting to what a page is already changes nothing.
fn convert_twice(world: &mut World) -> Result<(), Fault> {
    world.settle()?;
    let page = world.random.below(POOL_PAGES);
    let to = match world.states.of(page) {
        State::Private(_) => Kind::Private,
        State::Shared(_) | State::Lent => Kind::Shared,
    };
    world.convert(world.memory.in_pool(page), 1, to)?;
    look_at(world, page)
}

/// A ring, the headers or the receive buffers become private while the devices use them.
fn steal_from_rings(world: &mut World) -> Result<(), Fault> {
    for _ in 0..4 {
        if let Some((first, pages)) = some(world, is_shared) {
            world.read_disk(first, pages);
        }
    }
    let disk = world.block.pages();
    let socket = world.vsock.pages();
    let page = if world.random.once_in(2) {
        *world.random.pick(&disk)
    } else {
        *world.random.pick(&socket)
    };
    world.convert(page, 1, Kind::Private)?;
    world.counts.stolen += 1;
    let content = Content::Pattern(world.tag());
    page.fill(Kind::Private, content);
    world.block.kick();
    world.vsock.kick();
    for _ in 0..world.random.below(20_000) {
        cpu::relax();
    }
    page.check(Kind::Private, content)
        .map_err(|wrong| Fault::Page {
            what: "a ring that is private",
            page: POOL_PAGES,
            wrong,
        })?;
    recover(world)
}

/// Resets the devices and goes on from memory that is known: what they held is made private.
///
/// # Errors
/// They do not come back.
pub fn recover(world: &mut World) -> Result<(), Fault> {
    let (_, pages) = device_pages();
    let first = world.memory.for_devices(0);
    world.convert(first, pages, Kind::Shared)?;
    let disk = world.block.restart();
    let socket = world.vsock.restart();
    if !disk.ready || !socket.ready {
        return Err(Fault::Other("a device does not start again"));
    }
    world.counts.restarts += 2;
    world.forget_sent();
    for page in 0..POOL_PAGES {
        if world.states.of(page) == State::Lent {
            world.make_private(page, 1)?;
        }
    }
    world.connect()
}

/// The whole pool becomes private and shared again, and as much other memory as one request may name.
fn convert_all(world: &mut World) -> Result<(), Fault> {
    world.settle()?;
    let first = world.memory.in_pool(0);
    let (start, pages) = pool_pages();
    world.convert(first, pages, Kind::Private)?;
    for page in 0..POOL_PAGES {
        if is_shared(world.states.of(page)) {
            world.states.set(page, State::Private(Content::Zero));
        }
    }
    look_at_some(world)?;
    world.make_shared_unseen(0, POOL_PAGES)?;
    look_at_some(world)?;
    let rest = start + pages * PAGE;
    let count = (world.orders.memory - rest) / PAGE;
    for attributes in [PRIVATE, 0] {
        let request = [rest, count.min(MOST_PAGES), attributes];
        let answer = world.ask(request);
        if answer != 0 {
            let what = "the largest request was refused";
            return Err(Fault::Answer {
                what,
                request,
                answer,
            });
        }
        world.counts.conversions += 1;
        world.counts.pages += count.min(MOST_PAGES);
    }
    Ok(())
}

fn look_at_some(world: &mut World) -> Result<(), Fault> {
    for _ in 0..64 {
        let page = world.random.below(POOL_PAGES);
        look_at(world, page)?;
    }
    Ok(())
}
