<?php
// lowthread from PHP. Only PHP's own thread may run PHP: a callback on another one is undefined, whatever it does.
// So the threads here run C, and what they have to tell PHP comes as items of a queue (examples/ffi/mailbox.c).

$here = __DIR__ . '/../..';
$lt = FFI::cdef(file_get_contents("$here/include/lowthread.cdef.h"), getenv('LOWTHREAD_LIBRARY') ?: 'liblowthread.so.0');
// Addresses of C functions, as lowthread takes them.
$c = FFI::cdef('
    typedef struct { void *queue; void *item; } mailbox;
    void mailbox_call(void *arg);
    void mailbox_done(void *future, void *arg);
    void *mailbox_square(void *n);
    void *mailbox_divide(void *n);
    void mailbox_answer(void *arg);
', getenv('MAILBOX_LIBRARY') ?: 'libmailbox.so');

class LowthreadError extends Exception {}

/** Errors throw; answers, such as LT_TIMED_OUT, are returned. */
function check(int $status): int
{
    global $lt;
    if ($status < 0) {
        throw new LowthreadError($lt->lt_last_error(), $status);
    }
    return $status;
}

function function_of(string $type, FFI\CData $function): FFI\CData
{
    global $lt;
    return $lt->cast($type, $function);
}

function pointer(int $number): FFI\CData
{
    global $lt;
    return $lt->cast('void *', $number);
}

// A place for a pointer that is a number in truth: PHP casts no pointer to one.
$out = $lt->new('intptr_t');
$to_out = $lt->cast('void **', FFI::addr($out));

$pool = $lt->lt_pool_new(4, null);

function submit(FFI\CData $function, int $argument): FFI\CData
{
    global $lt, $pool;
    $out = $lt->new('lt_future *');
    check($lt->lt_pool_submit($pool, function_of('lt_task_fn', $function), pointer($argument), FFI::addr($out)));
    return $out;
}

/** What the task returned; what it failed with is thrown. */
function result(FFI\CData $future): int
{
    global $lt;
    $out = $lt->new('intptr_t');
    $info = $lt->new('const lt_error_info *');
    $status = check($lt->lt_future_result($future, $lt->cast('void **', FFI::addr($out))));
    $failed = $status === $lt->LT_FAILED && check($lt->lt_future_error($future, FFI::addr($info))) === 0;
    $message = $failed ? FFI::string($info->message) : '';
    check($lt->lt_future_free($future));
    if ($failed) {
        throw new LowthreadError($message);
    }
    return $out->cdata;
}

$futures = array_map(fn ($n) => submit($c->mailbox_square, $n), [1, 2, 3, 4]);
echo 'squares: ', implode(' ', array_map('result', $futures)), "\n";

// What other threads have to say: a timer's call arrives as number 7, and PHP does what that stands for.
$mail = $lt->lt_queue_new(0);
$status = check($lt->lt_queue_get_timeout($mail, 0.02, $to_out));
echo 'timed out: ', $lt->lt_status_message($status), "\n";
$box = $c->new('mailbox');
$box->queue = $c->cast('void *', $mail);
$box->item = $c->cast('void *', 7);
$calls = [7 => fn () => 'the timer'];
$timer = $lt->new('lt_timer *');
$tick = function_of('lt_timer_fn', $c->mailbox_call);
check($lt->lt_timer_start(0.01, 0, $tick, FFI::addr($box), FFI::addr($timer)));
check($lt->lt_queue_get_timeout($mail, 30, $to_out));
assert($calls[$out->cdata]() === 'the timer');
check($lt->lt_timer_free($timer));

// A thread of C's that answers what PHP asks.
$queues = $lt->new('lt_queue *[2]');
$queues[0] = $lt->lt_queue_new(0);
$queues[1] = $mail;
$thread = $lt->new('lt_thread *');
$answer = function_of('lt_thread_fn', $c->mailbox_answer);
check($lt->lt_thread_start($answer, FFI::addr($queues), null, FFI::addr($thread)));
check($lt->lt_queue_put($queues[0], pointer(6)));
check($lt->lt_queue_get_timeout($mail, 30, $to_out));
assert($out->cdata === 36);
check($lt->lt_queue_close($queues[0], false));
check($lt->lt_thread_join($thread));
check($lt->lt_thread_free($thread));

// A time limit for the main thread's waits: the watchdog interrupts it, and runs no PHP for that. SIGURG, since
// lt_interrupt_main() runs a handler that is installed, and PHP's for SIGINT and most others ends the process.
$watchdog = $lt->new('lt_watchdog *');
check($lt->lt_watchdog_start(0.02, 23 /* SIGURG */, FFI::addr($watchdog)));
$status = check($lt->lt_queue_get($mail, $to_out));
check($lt->lt_watchdog_free($watchdog));
echo 'interrupted: ', $lt->lt_status_message($status), "\n";

$lock = $lt->lt_allocate_lock();
$calls = [
    'failed' => fn () => result(submit($c->mailbox_divide, 0)),
    'error' => fn () => check($lt->lt_lock_release($lock)),
];
foreach ($calls as $what => $call) {
    try {
        $call();
        exit(1);
    } catch (LowthreadError $error) {
        echo "$what: ", $error->getMessage(), "\n";
    }
}
check($lt->lt_lock_free($lock));
check($lt->lt_pool_free($pool));
check($lt->lt_queue_free($queues[0]));
check($lt->lt_queue_free($mail));
