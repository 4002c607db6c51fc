// lowthread from C#, by P/Invoke. A callback runs on the thread that C calls it on, which the runtime attaches for it. A
// call that waits holds up nobody: neither other threads nor the garbage collector.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;

static class Lt
{
    const string Library = "liblowthread.so.0";

    public const int OK = 0, FAILED = 7;

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    public delegate IntPtr TaskFn(IntPtr arg);

    [StructLayout(LayoutKind.Sequential)]
    public struct ErrorInfo
    {
        public UIntPtr Size;
        public ulong Ident;
        public IntPtr ThreadName;
        public int Kind, Code;
        public IntPtr TypeName, Message, Internal;
    }

    // Strings that the library returns are its own: as string the runtime would free them.
    [DllImport(Library)] public static extern IntPtr lt_last_error();
    [DllImport(Library)] public static extern IntPtr lt_status_message(int status);
    [DllImport(Library)] public static extern ulong lt_get_ident();
    [DllImport(Library)] public static extern int lt_interrupt(ulong ident);
    [DllImport(Library)] public static extern int lt_fail(int code, string message);
    [DllImport(Library)] public static extern IntPtr lt_pool_new(uint maxWorkers, string prefix);
    [DllImport(Library)] public static extern int lt_pool_submit(IntPtr pool, TaskFn function, IntPtr arg, out IntPtr future);
    [DllImport(Library)] public static extern int lt_pool_free(IntPtr pool);
    [DllImport(Library)] public static extern int lt_future_result(IntPtr future, out IntPtr result);
    [DllImport(Library)] public static extern int lt_future_error(IntPtr future, out IntPtr info);
    [DllImport(Library)] public static extern int lt_future_free(IntPtr future);
    [DllImport(Library)] public static extern IntPtr lt_queue_new(UIntPtr capacity);
    [DllImport(Library)] public static extern int lt_queue_put(IntPtr queue, IntPtr item);
    [DllImport(Library)] public static extern int lt_queue_get(IntPtr queue, out IntPtr item);
    [DllImport(Library)] public static extern int lt_queue_get_timeout(IntPtr queue, double seconds, out IntPtr item);
    [DllImport(Library)] public static extern int lt_queue_free(IntPtr queue);
    [DllImport(Library)] public static extern IntPtr lt_allocate_lock();
    [DllImport(Library)] public static extern int lt_lock_release(IntPtr locked);
    [DllImport(Library)] public static extern int lt_lock_free(IntPtr locked);

    public static string Message(int status) => Marshal.PtrToStringAnsi(lt_status_message(status));

    /// <summary>Errors throw; answers, such as LT_TIMED_OUT, are returned.</summary>
    public static int Check(int status)
    {
        if (status < 0)
            throw new LowthreadException(Marshal.PtrToStringAnsi(lt_last_error()));
        return status;
    }
}

class LowthreadException : Exception
{
    public LowthreadException(string message) : base(message) { }
}

/// <summary>A call on a worker of a pool.</summary>
class Job<T>
{
    readonly Lt.TaskFn function; // Kept from the garbage collector: C does not know of it.
    readonly IntPtr future;
    T result;

    public Job(IntPtr pool, Func<T> call)
    {
        function = _ =>
        {
            // No exception crosses C, where it would end the process: the task fails with it.
            try { result = call(); }
            catch (Exception problem) { Lt.lt_fail(1, problem.Message); }
            return IntPtr.Zero;
        };
        Lt.Check(Lt.lt_pool_submit(pool, function, IntPtr.Zero, out future));
    }

    public T Result()
    {
        string message = null;
        if (Lt.Check(Lt.lt_future_result(future, out _)) == Lt.FAILED)
        {
            Lt.Check(Lt.lt_future_error(future, out IntPtr info));
            message = Marshal.PtrToStringAnsi(Marshal.PtrToStructure<Lt.ErrorInfo>(info).Message);
        }
        Lt.Check(Lt.lt_future_free(future));
        GC.KeepAlive(this);
        return message == null ? result : throw new LowthreadException(message);
    }
}

static class Tour
{
    static int Divide(int a, int b) => b != 0 ? a / b : throw new DivideByZeroException(a + " cannot be divided by 0");

    static int Main()
    {
        IntPtr pool = Lt.lt_pool_new(4, null);
        var jobs = new[] { 1, 2, 3, 4 }.Select(n => new Job<int>(pool, () => n * n)).ToList();
        Console.WriteLine("squares: " + string.Join(" ", jobs.Select(job => job.Result())));

        // A queue between a thread of the runtime's and one of C's. Items are pointers: a number will do as one.
        IntPtr queue = Lt.lt_queue_new(UIntPtr.Zero), item;
        Console.WriteLine("timed out: " + Lt.Message(Lt.Check(Lt.lt_queue_get_timeout(queue, 0.02, out item))));
        var echo = new Job<int>(pool, () => Lt.Check(Lt.lt_queue_put(queue, (IntPtr)42)));
        Lt.Check(Lt.lt_queue_get(queue, out item));
        if ((int)item != 42 || echo.Result() != Lt.OK)
            return 1;

        // Thread.Interrupt() does not reach a call into C; lt_interrupt() does.
        ulong ident = 0;
        int ended = 0;
        var told = new ManualResetEventSlim();
        var waiter = new Thread(() =>
        {
            ident = Lt.lt_get_ident();
            told.Set();
            ended = Lt.Check(Lt.lt_queue_get(queue, out _));
        });
        waiter.Start();
        told.Wait();
        Lt.Check(Lt.lt_interrupt(ident));
        waiter.Join();
        Console.WriteLine("interrupted: " + Lt.Message(ended));

        IntPtr held = Lt.lt_allocate_lock();
        var failures = new Dictionary<string, Action>
        {
            ["failed"] = () => new Job<int>(pool, () => Divide(84, 0)).Result(),
            ["error"] = () => Lt.Check(Lt.lt_lock_release(held)),
        };
        foreach (var failure in failures)
        {
            try
            {
                failure.Value();
                return 1;
            }
            catch (LowthreadException problem)
            {
                Console.WriteLine(failure.Key + ": " + problem.Message);
            }
        }

        Lt.Check(Lt.lt_lock_free(held));
        Lt.Check(Lt.lt_pool_free(pool));
        Lt.Check(Lt.lt_queue_free(queue));
        return 0;
    }
}
