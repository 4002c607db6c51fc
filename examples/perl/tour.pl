#!/usr/bin/perl
# lowthread from Perl, by FFI::Platypus. Only Perl's own thread may run Perl: a closure that is called on another
# ends the process. So the threads here run C, and what they have to tell Perl comes as items of a queue
# (examples/ffi/mailbox.c). Handles are opaque pointers, which Perl holds as integers.
use strict;
use warnings;
use FFI::Platypus 2.00;

package ErrorInfo {
    use FFI::Platypus::Record;
    record_layout_1(qw(
        size_t size  uint64 ident  string thread_name  sint32 kind  sint32 code  string type_name  string message
        opaque internal
    ));
}

my $ffi = FFI::Platypus->new(
    api => 2,
    lib => [$ENV{LOWTHREAD_LIBRARY} // 'liblowthread.so.0', $ENV{MAILBOX_LIBRARY} // 'libmailbox.so'],
);
my ($LT_OK, $LT_FAILED) = (0, 7);

# Attaches a function whose status is checked: errors die, answers, such as LT_TIMED_OUT, are returned.
sub checked {
    my ($name, @types) = @_;
    $ffi->attach($name => \@types => 'sint32' => sub {
        my $function = shift;
        my $status = $function->(@_);
        die lt_last_error() . "\n" if $status < 0;
        return $status;
    });
}

$ffi->attach(@$_) for (
    [lt_last_error     => []                       => 'string'],
    [lt_status_message => ['sint32']               => 'string'],
    [lt_pool_new       => ['uint32', 'string']     => 'opaque'],
    [lt_queue_new      => ['size_t']               => 'opaque'],
    [lt_allocate_lock  => []                       => 'opaque'],
);
checked(@$_) for (
    [lt_pool_submit       => qw(opaque opaque sint64 opaque*)],
    [lt_pool_free         => 'opaque'],
    [lt_future_result     => qw(opaque sint64*)],
    [lt_future_error      => qw(opaque opaque*)],
    [lt_future_free       => 'opaque'],
    [lt_queue_put         => qw(opaque sint64)],
    [lt_queue_get         => qw(opaque sint64*)],
    [lt_queue_get_timeout => qw(opaque double sint64*)],
    [lt_queue_close       => qw(opaque bool)],
    [lt_queue_free        => 'opaque'],
    [lt_thread_start      => qw(opaque opaque opaque opaque*)],
    [lt_thread_join       => 'opaque'],
    [lt_thread_free       => 'opaque'],
    [lt_timer_start       => qw(double double opaque opaque opaque*)],
    [lt_timer_free        => 'opaque'],
    [lt_watchdog_start    => qw(double sint32 opaque*)],
    [lt_watchdog_free     => 'opaque'],
    [lt_lock_release      => 'opaque'],
    [lt_lock_free         => 'opaque'],
);

sub address { $ffi->find_symbol($_[0]) // die "no $_[0]\n" }

# The bytes of a struct or an array, and their address for as long as they live.
sub address_of { unpack 'J', pack 'P', $_[0] }

my $pool = lt_pool_new(4, undef);

sub submit {
    my ($function, $argument) = @_;
    lt_pool_submit($pool, address($function), $argument, \my $future);
    return $future;
}

# What the task returned; what it failed with is died of.
sub result {
    my ($future) = @_;
    my ($result, $info, $message);
    if (lt_future_result($future, \$result) == $LT_FAILED) {
        lt_future_error($future, \$info);
        $message = $ffi->cast('opaque' => 'record(ErrorInfo)*', $info)->message;
    }
    lt_future_free($future);
    die "$message\n" if defined $message;
    return $result;
}

my @futures = map { submit(mailbox_square => $_) } 1 .. 4;
print "squares: @{[map { result($_) } @futures]}\n";

# What other threads have to say: a timer's call arrives as number 7, and Perl does what that stands for.
my $mail = lt_queue_new(0);
my $status = lt_queue_get_timeout($mail, 0.02, \my $item);
print 'timed out: ', lt_status_message($status), "\n";
my $box = pack 'J J', $mail, 7;
my %calls = (7 => sub { 'the timer' });
lt_timer_start(0.01, 0, address('mailbox_call'), address_of($box), \my $timer);
lt_queue_get_timeout($mail, 30, \$item);
die unless $calls{$item}->() eq 'the timer';
lt_timer_free($timer);

# A thread of C's that answers what Perl asks.
my $ask = lt_queue_new(0);
my $both = pack 'J J', $ask, $mail;
lt_thread_start(address('mailbox_answer'), address_of($both), undef, \my $thread);
lt_queue_put($ask, 6);
lt_queue_get_timeout($mail, 30, \$item);
die unless $item == 36;
lt_queue_close($ask, 0);
lt_thread_join($thread);
lt_thread_free($thread);

# A time limit for the main thread's waits: the watchdog interrupts it, and runs no Perl for that. It is the signal 2,
# which a shell has a program in the background ignore: then nothing would come.
$SIG{INT} = 'DEFAULT';
lt_watchdog_start(0.02, 2, \my $watchdog);
print 'interrupted: ', lt_status_message(lt_queue_get($mail, \$item)), "\n";
lt_watchdog_free($watchdog);

my $lock = lt_allocate_lock();
eval { result(submit(mailbox_divide => 0)); 1 } and exit 1;
print "failed: $@";
eval { lt_lock_release($lock); 1 } and exit 1;
print "error: $@";

lt_lock_free($lock);
lt_pool_free($pool);
lt_queue_free($_) for $ask, $mail;
