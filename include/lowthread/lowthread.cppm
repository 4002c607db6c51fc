/// @file
/// The module `lowthread`, for compilers that have modules: compile this file once, then `import lowthread;`.
module;
#include <lowthread.hpp>
export module lowthread;

export namespace lt {
using lt::adopt_main;
using lt::backtrace;
using lt::barrier;
using lt::broken;
using lt::call_once;
using lt::cancelled;
using lt::category;
using lt::closed;
using lt::condition;
using lt::contention;
using lt::contention_report;
using lt::dump;
using lt::dump_on_signal;
using lt::enumerate;
using lt::error;
using lt::error_info;
using lt::errors;
using lt::event;
using lt::exit;
using lt::fail;
using lt::failed;
using lt::features;
using lt::future;
using lt::insight;
using lt::interrupt;
using lt::interrupt_main;
using lt::interrupted;
using lt::last_errno;
using lt::last_error;
using lt::last_status;
using lt::local;
using lt::lock;
using lt::main_ident;
using lt::make_error_code;
using lt::make_ready_future;
using lt::message;
using lt::monotonic_clock;
using lt::mutex;
using lt::name;
using lt::name_of;
using lt::native_handle;
using lt::nostopstate;
using lt::nostopstate_t;
using lt::on_acquire;
using lt::on_get;
using lt::on_join;
using lt::on_lock;
using lt::on_lock_shared;
using lt::on_put;
using lt::on_ready;
using lt::on_set;
using lt::once_flag;
using lt::pool;
using lt::promise;
using lt::queue;
using lt::raise;
using lt::rlock;
using lt::rwlock;
using lt::select;
using lt::select_for;
using lt::semaphore;
using lt::set_deadlock_hook;
using lt::set_excepthook;
using lt::set_insight;
using lt::set_name;
using lt::set_stack_size;
using lt::shared_future;
using lt::shutdown;
using lt::shutdown_for;
using lt::spawn;
using lt::spinlock;
using lt::stack_size;
using lt::start_new_thread;
using lt::status;
using lt::stop_callback;
using lt::stop_source;
using lt::stop_token;
using lt::thread;
using lt::thread_count;
using lt::thread_name;
using lt::thread_options;
using lt::timer;
using lt::trace_span;
using lt::trace_start;
using lt::trace_stop;
using lt::try_select;
using lt::version;
using lt::waits;
using lt::watchdog;
using lt::watcher;
using lt::when_all;
using lt::when_any;
using lt::when_any_result;

namespace signals {
using lt::signals::chain_to_main;
using lt::signals::restore;
using lt::signals::to_callback;
using lt::signals::to_event;
using lt::signals::to_main;
using lt::signals::to_queue;
} // namespace signals

namespace this_thread {
using lt::this_thread::check_interrupt;
using lt::this_thread::get_id;
using lt::this_thread::ident;
using lt::this_thread::interrupt_signal;
using lt::this_thread::name;
using lt::this_thread::native_handle;
using lt::this_thread::native_id;
using lt::this_thread::set_name;
using lt::this_thread::sleep_for;
using lt::this_thread::sleep_until;
using lt::this_thread::yield;
} // namespace this_thread
} // namespace lt
