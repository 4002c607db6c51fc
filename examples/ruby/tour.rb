# lowthread from Ruby, by the ffi gem. A callback on a thread of C's is run by a thread of Ruby's that ffi starts
# for it: what is the calling thread's own (its ident, its re-entrant locks, lt_fail) is that thread's. It needs
# Ruby's lock. So every call that waits is declared `blocking: true`, which lets go of it: without that the callback,
# and the wait for it, would wait for each other for ever.
require 'ffi'

module LT
  extend FFI::Library
  ffi_lib ENV.fetch('LOWTHREAD_LIBRARY', 'liblowthread.so.0')

  class Error < StandardError; end

  OK = 0
  INTERRUPTED = 3
  callback :task, [:pointer], :pointer

  # The function, with its status looked at: errors raise, answers, such as LT_TIMED_OUT, are returned.
  def self.checked(name, *types, blocking: false)
    attach_function "raw_#{name}", "lt_#{name}", types, :int32, blocking: blocking
    define_singleton_method(name) do |*arguments|
      status = public_send("raw_#{name}", *arguments)
      raise Error, lt_last_error if status.negative?
      status
    end
  end

  attach_function :lt_last_error, [], :string
  attach_function :lt_status_message, [:int32], :string
  attach_function :lt_get_ident, [], :uint64
  attach_function :lt_pool_new, [:uint32, :string], :pointer
  attach_function :lt_queue_new, [:size_t], :pointer
  attach_function :lt_allocate_lock, [], :pointer
  checked :pool_submit, :pointer, :task, :pointer, :pointer
  checked :pool_free, :pointer, blocking: true
  checked :future_result, :pointer, :pointer, blocking: true
  checked :future_free, :pointer
  checked :queue_put, :pointer, :pointer, blocking: true
  checked :queue_get, :pointer, :pointer, blocking: true
  checked :queue_get_timeout, :pointer, :double, :pointer, blocking: true
  checked :queue_free, :pointer
  checked :interrupt, :uint64
  checked :check_interrupt
  checked :signal_chain_to_main, :int
  checked :signal_restore, :int
  checked :lock_release, :pointer
  checked :lock_free, :pointer

  def self.message(status) = lt_status_message(status)
end

# A task of the pool's. It is kept here until its end: C does not know that Ruby collects garbage.
class Task
  def initialize(pool, &block)
    @function = proc do
      @result = block.call
      nil
    rescue StandardError => e
      # No exception crosses C. It waits here: lt_fail() would be of no use, since this is not the worker's thread.
      @error = e
      nil
    end
    future = FFI::MemoryPointer.new(:pointer)
    LT.pool_submit(pool, @function, nil, future)
    @future = future.read_pointer
  end

  def value
    nil while LT.future_result(@future, nil) == LT::INTERRUPTED # Ruby has raised, if it wanted to.
    LT.future_free(@future)
    raise @error if @error

    @result
  end
end

pool = LT.lt_pool_new(4, nil)
puts "squares: #{[1, 2, 3, 4].map { |n| Task.new(pool) { n * n } }.map(&:value).join(' ')}"

# A queue between Ruby's thread and one of C's. Items are pointers: a number will do as one.
queue = LT.lt_queue_new(0)
out = FFI::MemoryPointer.new(:pointer)
puts "timed out: #{LT.message(LT.queue_get_timeout(queue, 0.02, out))}"
echo = Task.new(pool) { LT.queue_put(queue, FFI::Pointer.new(42)) }
LT.queue_get(queue, out)
raise 'not what was put' unless out.read_pointer.address == 42 && echo.value == LT::OK

# Thread#kill and Thread#raise wait for the end of a call into C. Interrupt the wait, and it ends: a thread that
# can be killed tells its ident.
idents = Thread::Queue.new
answers = Thread::Queue.new
waiter = Thread.new do
  idents << LT.lt_get_ident
  answers << LT.queue_get(queue, FFI::MemoryPointer.new(:pointer))
  sleep # Here it is killed.
end
LT.interrupt(idents.pop)
puts "interrupted: #{LT.message(answers.pop)}"
waiter.kill.join

# Likewise Ctrl-C on the main thread: Ruby's handler leaves its note, then the wait ends, and Ruby raises.
trap('INT', 'DEFAULT') # A shell has a program in the background ignore it.
LT.signal_chain_to_main(Signal.list['INT'])
begin
  Thread.new { Process.kill('INT', Process.pid) }
  LT.queue_get(queue, out)
  sleep 30
  abort 'no Interrupt was raised'
rescue Interrupt
  LT.signal_restore(Signal.list['INT'])
  LT.check_interrupt # Where Ruby was faster, it is still to come.
end

lock = LT.lt_allocate_lock
{ 'failed' => -> { Task.new(pool) { raise '84 cannot be divided by 0' }.value },
  'error' => -> { LT.lock_release(lock) } }.each do |what, call|
  call.call
  abort 'an exception was expected'
rescue StandardError => e
  puts "#{what}: #{e.message}"
end
LT.lock_free(lock)
LT.pool_free(pool)
LT.queue_free(queue)
