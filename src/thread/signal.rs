//! Routing signals: to the main thread, an event, a queue or a callback.
//!
//! The handler does next to nothing: it posts the signal's semaphore, and a service thread for each
//! signal that was ever so routed takes it from there, in ordinary context. So nothing that the kernel
//! delivers is lost, and a full queue or a slow callback holds up no other signal. Only the main thread is
//! interrupted by the handler itself, where threads can be woken in handlers; and a handler of the
//! program's that is to stay is called first (a *chain*).
//!
//! A fork may come at any moment but inside of a lock: in the child, routers and services are gone, and
//! each signal is what it was before its route. So under the lock nobody waits, and none starts a thread.

use crate::base::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use crate::base::deadline::Deadline;
use crate::base::errno::{self, Errno};
use crate::base::fork::Participant;
use crate::base::handle::Handle;
use crate::base::mutex::Mutex;
use crate::base::record::Record;
use crate::base::status::Error;
use crate::base::unwind;
use crate::base::{this_thread, wait};
use crate::sync::event::Event;
use crate::sync::queue::Queue;
use crate::thread::excepthook;
use crate::thread::service::{Attendance, Duty, Service};
use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr;

/// How many signals there can be; they are counted from 1.
const SIGNALS: usize = 64;

/// A callback of the user's.
pub type Callback = unsafe extern "C-unwind" fn(c_int, *mut c_void);

/// Where a signal goes.
#[derive(Clone, Copy)]
pub enum Target {
    Nowhere,
    Main,
    Event(Handle<Event>),
    Queue(Handle<Queue>),
    Callback(Callback, *mut c_void),
}

// SAFETY: the argument of a callback is the user's, who asked for it to be passed on another thread.
unsafe impl Send for Target {}

impl Target {
    fn needs_service(&self) -> bool {
        match self {
            Target::Nowhere => false,
            Target::Main => !wait::WAKES_IN_HANDLERS,
            Target::Event(_) | Target::Queue(_) | Target::Callback(..) => true,
        }
    }
}

/// What becomes of a handler that the program has installed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Theirs {
    /// It is not called while the signal is routed.
    Replaced,
    /// It is called first.
    Chained,
}

/// One signal.
struct Route {
    /// Posted once for each arrival that the service is to take. Initialised before the service starts.
    arrivals: UnsafeCell<MaybeUninit<libc::sem_t>>,
    /// What the handler does: `NOTHING`, `INTERRUPT_MAIN` or `POST`.
    way: AtomicU8,
    /// The handler of the program's that ours calls first, `UNCHAINED` if none.
    chained: AtomicUsize,
    course: Mutex<Course>,
    service: Service,
    /// Changes when the service thread leaves a queue. A futex.
    changes: AtomicU32,
}

const NOTHING: u8 = 0;
const INTERRUPT_MAIN: u8 = 1;
const POST: u8 = 2;

const UNCHAINED: usize = 0;

/// Where one signal goes now.
struct Course {
    target: Target,
    /// Counts the changes of the target.
    version: u64,
    /// Whether the semaphore is initialised.
    ready: bool,
    /// The service thread while it is at a queue, and for which version.
    at_queue: Option<(&'static Record, u64)>,
    /// What was there before the first route, or was found in the place of ours by a later one.
    before: Option<libc::sigaction>,
}

impl Course {
    const NONE: Course =
        Course { target: Target::Nowhere, version: 0, ready: false, at_queue: None, before: None };
}

// SAFETY: a semaphore is made to be shared, and is initialised before it is posted or waited for.
unsafe impl Sync for Route {}

static ROUTES: [Route; SIGNALS] = [const {
    Route {
        arrivals: UnsafeCell::new(MaybeUninit::zeroed()),
        way: AtomicU8::new(NOTHING),
        chained: AtomicUsize::new(UNCHAINED),
        course: Mutex::new(Course::NONE),
        service: Service::absent(),
        changes: AtomicU32::new(0),
    }
}; SIGNALS];

static DUTY: Duty = Duty { name: c"lt-signal", work: serve, left: || () };

static PARTICIPANT: Participant = Participant::new(forget);

/// In a forked child: the service threads are gone, so every signal is what it was before its route.
fn forget() {
    for (index, route) in ROUTES.iter().enumerate() {
        let mut course = route.course.lock();
        if let Some(before) = course.before.take() {
            give_back(index as c_int + 1, &before);
        }
        *course = Course::NONE;
        // Relaxed: there is one thread. A handler of the program's that has forked returns to ours.
        route.way.store(NOTHING, Ordering::Relaxed);
        route.service.forget();
    }
}

/// Routes a signal, in the place of where it went before.
pub fn route(signum: c_int, target: Target, theirs: Theirs) -> Result<(), Error> {
    let index = index(signum)?;
    let (Some(route), false) = (ROUTES.get(index), matches!(signum, libc::SIGKILL | libc::SIGSTOP)) else {
        return Err(Error::NotASignal);
    };
    PARTICIPANT.join();
    // Asked first: what the system refuses leaves nothing behind.
    if action(signum).is_none() {
        return Err(Error::NotASignal);
    }
    if target.needs_service() {
        route.serve(signum)?;
    }
    let mut course = route.course.lock();
    if let (Target::Nowhere, true) = (course.target, course.ready) {
        // What arrived for a route that was given up, and the service has not taken, is not for this one.
        // SAFETY: initialised; this does not wait.
        errno::keeping(|| while unsafe { libc::sem_trywait(route.arrivals.get().cast()) } == 0 {});
    }
    // Before the handler is there: nothing that arrives is dropped.
    let way = match target {
        Target::Nowhere => NOTHING,
        Target::Main if wait::WAKES_IN_HANDLERS => INTERRUPT_MAIN,
        _ => POST,
    };
    // Release: with it, the semaphore.
    route.way.store(way, Ordering::Release);
    route.install(&mut course, signum, theirs)?;
    let turned = course.turn(target);
    drop(course);
    route.see_off(turned);
    Ok(())
}

/// Puts back what was there before the signal's route, unless the program has installed something over it.
/// Nothing if it has no route.
pub fn restore(signum: c_int) -> Result<(), Error> {
    let index = index(signum)?;
    let Some(route) = ROUTES.get(index) else { return Ok(()) };
    let mut course = route.course.lock();
    let Some(before) = course.before.take() else { return Ok(()) };
    give_back(signum, &before);
    // Relaxed: whoever is in the handler still may do the one or the other.
    route.way.store(NOTHING, Ordering::Relaxed);
    let turned = course.turn(Target::Nowhere);
    drop(course);
    route.see_off(turned);
    Ok(())
}

/// Whether an action comes down to a handler of the program's: installed, or called by ours.
/// Async-signal-safe.
pub fn is_handled(signum: c_int, action: &libc::sigaction) -> bool {
    if !is_ours(action) {
        return is_handler(action);
    }
    let route = index(signum).ok().and_then(|index| ROUTES.get(index));
    // Relaxed: a route that changes at this moment may be seen as it was.
    route.is_some_and(|route| route.chained.load(Ordering::Relaxed) != UNCHAINED)
}

/// Sends a thread of this process a signal for the program's handler alone: no route is fired. Async-signal-safe.
#[cfg(target_os = "linux")]
pub fn simulate(signum: c_int, thread: i64) {
    let info = Simulated::new(signum);
    // SAFETY: plain system calls; the second one reads a siginfo_t, as long as that.
    unsafe {
        let process = libc::getpid();
        if libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signum, &raw const info) != 0 {
            // A filter, or too many real-time signals that are pending: then without a mark.
            libc::syscall(libc::SYS_tgkill, process, thread, signum);
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub fn simulate(signum: c_int, thread: i64) {
    if thread != 0 {
        // SAFETY: there, the native id of a thread is its pthread_t; the main thread has one.
        unsafe { libc::pthread_kill(thread as libc::pthread_t, signum) };
    }
}

/// The kernel's siginfo_t of a signal that was simulated: our handler knows it by its value.
#[cfg(target_os = "linux")]
#[repr(C)]
struct Simulated {
    signum: c_int,
    errno: c_int,
    code: c_int,
    sender: Sender,
    rest: [u64; 12],
}

#[cfg(target_os = "linux")]
#[repr(C)]
struct Sender {
    process: libc::pid_t,
    user: libc::uid_t,
    value: *const c_void,
}

#[cfg(target_os = "linux")]
impl Simulated {
    fn new(signum: c_int) -> Simulated {
        // SAFETY: asks for two numbers.
        let (process, user) = unsafe { (libc::getpid(), libc::getuid()) };
        let sender = Sender { process, user, value: Simulated::mark() };
        Simulated { signum, errno: 0, code: libc::SI_QUEUE, sender, rest: [0; 12] }
    }

    /// An address that nobody else has.
    fn mark() -> *const c_void {
        (&raw const ROUTES).cast()
    }
}

/// # Safety
/// A siginfo_t that the kernel has made.
#[cfg(target_os = "linux")]
unsafe fn is_simulated(info: *const libc::siginfo_t) -> bool {
    // SAFETY: as the caller vouches; the value of one that was queued is there.
    unsafe {
        (*info).si_code == libc::SI_QUEUE && (*info).si_value().sival_ptr.cast_const() == Simulated::mark()
    }
}

/// Without a mark, a chain that was called for a simulated signal makes a second interrupt pending.
#[cfg(not(target_os = "linux"))]
unsafe fn is_simulated(_info: *const libc::siginfo_t) -> bool {
    false
}

fn handler_address() -> usize {
    handler as *const () as usize
}

/// What a change of a route leaves to be done without the lock.
struct Turned {
    version: u64,
    /// The service thread that is to leave a queue.
    leaves: Option<&'static Record>,
}

impl Course {
    fn turn(&mut self, target: Target) -> Turned {
        self.target = target;
        self.version += 1;
        let leaves = self.at_queue.map(|(record, _)| record);
        if let Some(record) = leaves {
            // Under the lock, under which the service will clear it.
            record.interrupt.mark();
        }
        Turned { version: self.version, leaves }
    }
}

impl Route {
    /// Sees to it that the signal has its service thread, and what that waits for.
    fn serve(&'static self, signum: c_int) -> Result<(), Error> {
        let mut course = self.course.lock();
        if !core::mem::replace(&mut course.ready, true) {
            // SAFETY: there is no service thread yet, and no handler posts before there is one.
            unsafe { libc::sem_init(self.arrivals.get().cast(), 0, 0) };
        }
        drop(course);
        self.service.ensure(&DUTY, signum as usize)
    }

    /// Sees the service thread out of the queue that it was at before the route turned.
    fn see_off(&self, turned: Turned) {
        let Some(record) = turned.leaves else { return };
        record.interrupt.rouse();
        loop {
            // Relaxed: read before the lock is released, under which the service leaves.
            let changes = self.changes.load(Ordering::Relaxed);
            let at_queue = self.course.lock().at_queue;
            if at_queue.is_none_or(|(_, version)| version >= turned.version) {
                return;
            }
            wait::wait(&self.changes, changes, Deadline::Never, None);
        }
    }

    /// Installs our handler, in the place of whichever is there, which is remembered if it is not ours.
    fn install(&self, course: &mut Course, signum: c_int, theirs: Theirs) -> Result<(), Error> {
        let mut found = action(signum).ok_or(Error::NotASignal)?;
        loop {
            if !is_ours(&found) {
                course.before = Some(found);
            }
            // Ours without a route: the program has put back what it once displaced.
            let before = *course.before.get_or_insert(default_action());
            let chained = match theirs {
                Theirs::Chained if is_handler(&before) => before.sa_sigaction,
                _ => UNCHAINED,
            };
            // Release: the handler finds the code that was installed there.
            self.chained.store(chained, Ordering::Release);
            let displaced = exchange(signum, &our_action(&before, chained)).ok_or(Error::NotASignal)?;
            if is_ours(&displaced) || displaced.sa_sigaction == before.sa_sigaction {
                return Ok(());
            }
            // The program has installed another one meanwhile.
            found = displaced;
        }
    }
}

/// Our handler, in the place of `before`: with the mask and flags of what it calls.
fn our_action(before: &libc::sigaction, chained: usize) -> libc::sigaction {
    let mut ours = *before;
    if chained == UNCHAINED {
        ours.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
        // SAFETY: a mask to be written.
        unsafe { libc::sigemptyset(&mut ours.sa_mask) };
    }
    ours.sa_flags |= libc::SA_SIGINFO;
    ours.sa_sigaction = handler_address();
    ours
}

fn is_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction == handler_address()
}

fn default_action() -> libc::sigaction {
    // SAFETY: all zeros is a valid action: the default one, with an empty mask.
    unsafe { core::mem::zeroed() }
}

/// Whether the action is a handler.
fn is_handler(action: &libc::sigaction) -> bool {
    !matches!(action.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN)
}

/// Puts back what was there before, unless the program has installed something else over ours.
fn give_back(signum: c_int, before: &libc::sigaction) {
    if action(signum).is_some_and(|now| is_ours(&now)) {
        exchange(signum, before);
    }
}

fn index(signum: c_int) -> Result<usize, Error> {
    let index = usize::try_from(signum).ok().and_then(|n| n.checked_sub(1));
    index.filter(|index| *index < SIGNALS).ok_or(Error::SignalOutOfRange)
}

/// The action of a signal, or None if the system has none to tell.
fn action(signum: c_int) -> Option<libc::sigaction> {
    let mut now = MaybeUninit::uninit();
    // SAFETY: asks without changing; on success the action was written.
    unsafe { (libc::sigaction(signum, ptr::null(), now.as_mut_ptr()) == 0).then(|| now.assume_init()) }
}

/// Sets the action of a signal; the one before, or None if the system refuses.
fn exchange(signum: c_int, action: &libc::sigaction) -> Option<libc::sigaction> {
    let mut before = MaybeUninit::uninit();
    // SAFETY: a valid action to be read, and one to be written, which it is on success.
    unsafe { (libc::sigaction(signum, action, before.as_mut_ptr()) == 0).then(|| before.assume_init()) }
}

/// A handler, as the kernel calls each: with three arguments, whether or not it was installed with SA_SIGINFO.
type Handler = unsafe extern "C-unwind" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// Runs on whatever thread the signal interrupts. It may be unwound by the handler that it calls.
unsafe extern "C-unwind" fn handler(signum: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let Some(route) = index(signum).ok().and_then(|index| ROUTES.get(index)) else { return };
    // Acquire: pairs with `install`.
    let chained = route.chained.load(Ordering::Acquire);
    if chained != UNCHAINED {
        // SAFETY: an address that was installed as a handler of this signal. It gets what it would have got.
        unsafe { core::mem::transmute::<usize, Handler>(chained)(signum, info, context) };
    }
    // SAFETY: from the kernel.
    if !unsafe { is_simulated(info) } {
        arrived(route, signum);
    }
}

fn arrived(route: &Route, signum: c_int) {
    let _errno = Errno::keep();
    // Acquire: pairs with `route`.
    match route.way.load(Ordering::Acquire) {
        INTERRUPT_MAIN => this_thread::with_main(|main| main.interrupt.raise(signum as u32)),
        // SAFETY: initialised before this way was taken; sem_post is async-signal-safe.
        POST => drop(unsafe { libc::sem_post(route.arrivals.get().cast()) }),
        _ => (),
    }
}

/// The service thread of one signal.
fn serve(attendance: &mut Attendance) {
    let (signum, record) = (attendance.argument() as c_int, attendance.record);
    let Some(route) = index(signum).ok().and_then(|index| ROUTES.get(index)) else { return };
    while attendance.serving() {
        attendance.rest();
        // SAFETY: initialised before this thread was started.
        if unsafe { libc::sem_wait(route.arrivals.get().cast()) } != 0 {
            continue;
        }
        let Course { target, version, .. } = *route.course.lock();
        match target {
            Target::Nowhere => (),
            Target::Main => this_thread::with_main(|main| main.interrupt.raise(signum as u32)),
            // What was freed meanwhile is no longer routed to.
            Target::Event(event) => drop(event.set()),
            Target::Queue(queue) => put(route, version, record, queue, signum),
            Target::Callback(callback, argument) => {
                attendance.be_ordinary();
                let mut call = Call { callback, signum, argument };
                // SAFETY: `Call::run` asks for this.
                if let Some(caught) = unsafe { unwind::call(Call::run, (&raw mut call).cast()) } {
                    // SAFETY: caught here.
                    unsafe { excepthook::deliver_caught(record, caught) };
                }
            }
        }
    }
}

/// Puts the signal into its queue, however long that takes, unless it is routed elsewhere meanwhile. A queue
/// that was freed is no longer routed to.
fn put(route: &Route, version: u64, record: &'static Record, queue: Handle<Queue>, signum: c_int) {
    let item = ptr::without_provenance_mut(signum as usize);
    loop {
        let mut course = route.course.lock();
        if course.version != version {
            return;
        }
        course.at_queue = Some((record, version));
        drop(course);
        let result = queue.put_as_guest(item);
        let mut course = route.course.lock();
        course.at_queue = None;
        // Marked under this lock alone, and not for what comes after.
        while record.interrupt.take().is_some() {}
        drop(course);
        // Relaxed: the lock orders it.
        route.changes.fetch_add(1, Ordering::Relaxed);
        wait::wake_all(&route.changes);
        if result != Err(Error::Interrupted) {
            return;
        }
    }
}

struct Call {
    callback: Callback,
    signum: c_int,
    argument: *mut c_void,
}

impl Call {
    unsafe extern "C-unwind" fn run(call: *mut c_void) {
        // SAFETY: `serve` passes its call, and the callback is the user's.
        unsafe {
            let call = &*call.cast::<Call>();
            (call.callback)(call.signum, call.argument);
        }
    }
}
