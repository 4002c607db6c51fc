import com.sun.jna.Callback;
import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.ptr.PointerByReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;

/**
 * lowthread from Java, by JNA. A callback runs on the thread that C calls it on, which the JVM attaches for it. A call
 * that waits holds up nobody: to the JVM the thread is in native code. So Thread.interrupt() does not reach it:
 * lt_interrupt() does.
 */
public final class Tour {
    interface Lowthread extends Library {
        int LT_OK = 0;
        int LT_FAILED = 7;

        interface TaskFn extends Callback {
            Pointer call(Pointer arg);
        }

        @Structure.FieldOrder({"size", "ident", "threadName", "kind", "code", "typeName", "message", "internal"})
        class ErrorInfo extends Structure {
            public long size;
            public long ident;
            public String threadName;
            public int kind;
            public int code;
            public String typeName;
            public String message;
            public Pointer internal;

            public ErrorInfo(Pointer at) {
                super(at);
                read();
            }
        }

        String lt_last_error();
        String lt_status_message(int status);
        long lt_get_ident();
        int lt_interrupt(long ident);
        int lt_fail(int code, String message);
        Pointer lt_pool_new(int maxWorkers, String prefix);
        int lt_pool_submit(Pointer pool, TaskFn function, Pointer arg, PointerByReference future);
        int lt_pool_free(Pointer pool);
        int lt_future_result(Pointer future, PointerByReference result);
        int lt_future_error(Pointer future, PointerByReference info);
        int lt_future_free(Pointer future);
        Pointer lt_queue_new(long capacity);
        int lt_queue_put(Pointer queue, Pointer item);
        int lt_queue_get(Pointer queue, PointerByReference item);
        int lt_queue_get_timeout(Pointer queue, double seconds, PointerByReference item);
        int lt_queue_free(Pointer queue);
        Pointer lt_allocate_lock();
        int lt_lock_release(Pointer lock);
        int lt_lock_free(Pointer lock);
    }

    static final Lowthread lt =
        Native.load(System.getenv().getOrDefault("LOWTHREAD_LIBRARY", "lowthread"), Lowthread.class);

    static final class LowthreadException extends RuntimeException {
        LowthreadException(String message) {
            super(message);
        }
    }

    /** Errors throw; answers, such as LT_TIMED_OUT, are returned. */
    static int check(int status) {
        if (status < 0) {
            throw new LowthreadException(lt.lt_last_error());
        }
        return status;
    }

    /** A call on a worker of a pool. */
    static final class Task<T> implements Lowthread.TaskFn {
        private final Callable<T> callable;
        private final Pointer future;
        private T result;

        Task(Pointer pool, Callable<T> callable) {
            this.callable = callable;
            PointerByReference out = new PointerByReference();
            check(lt.lt_pool_submit(pool, this, null, out));
            future = out.getValue();
        }

        /** No exception crosses C, where JNA would print it and the task would be a success: it fails with it. */
        @Override
        public Pointer call(Pointer arg) {
            try {
                result = callable.call();
            } catch (Throwable problem) {
                lt.lt_fail(1, String.valueOf(problem.getMessage()));
            }
            return null;
        }

        /** Keeps this, and so what C calls, from the garbage collector until the end. */
        T get() {
            String message = null;
            if (check(lt.lt_future_result(future, null)) == Lowthread.LT_FAILED) {
                PointerByReference info = new PointerByReference();
                check(lt.lt_future_error(future, info));
                message = new Lowthread.ErrorInfo(info.getValue()).message;
            }
            check(lt.lt_future_free(future));
            if (message != null) {
                throw new LowthreadException(message);
            }
            return result;
        }
    }

    static void failure(String what, Runnable call) {
        try {
            call.run();
        } catch (LowthreadException problem) {
            System.out.println(what + ": " + problem.getMessage());
            return;
        }
        throw new AssertionError("an exception was expected");
    }

    public static void main(String[] arguments) throws InterruptedException {
        Pointer pool = lt.lt_pool_new(4, null);
        List<Task<Integer>> tasks = new ArrayList<>();
        for (int n = 1; n <= 4; n++) {
            int each = n;
            tasks.add(new Task<>(pool, () -> each * each));
        }
        StringBuilder squares = new StringBuilder("squares:");
        for (Task<Integer> task : tasks) {
            squares.append(' ').append(task.get());
        }
        System.out.println(squares);

        // A queue between Java's thread and one of C's. Items are pointers: a number will do as one.
        Pointer queue = lt.lt_queue_new(0);
        PointerByReference item = new PointerByReference();
        int status = check(lt.lt_queue_get_timeout(queue, 0.02, item));
        System.out.println("timed out: " + lt.lt_status_message(status));
        Task<Integer> echo = new Task<>(pool, () -> check(lt.lt_queue_put(queue, new Pointer(42))));
        check(lt.lt_queue_get(queue, item));
        if (Pointer.nativeValue(item.getValue()) != 42 || echo.get() != Lowthread.LT_OK) {
            throw new AssertionError("not what was put");
        }

        // A thread of Java's, ended by name in its wait.
        long[] ident = new long[1];
        int[] ended = new int[1];
        CountDownLatch told = new CountDownLatch(1);
        Thread waiter = new Thread(() -> {
            ident[0] = lt.lt_get_ident();
            told.countDown();
            ended[0] = check(lt.lt_queue_get(queue, new PointerByReference()));
        });
        waiter.start();
        told.await();
        check(lt.lt_interrupt(ident[0]));
        waiter.join();
        System.out.println("interrupted: " + lt.lt_status_message(ended[0]));

        failure("failed", () -> new Task<>(pool, () -> divide(84, 0)).get());
        Pointer lock = lt.lt_allocate_lock();
        failure("error", () -> check(lt.lt_lock_release(lock)));

        check(lt.lt_lock_free(lock));
        check(lt.lt_pool_free(pool));
        check(lt.lt_queue_free(queue));
    }

    private static int divide(int a, int b) {
        if (b == 0) {
            throw new ArithmeticException(a + " cannot be divided by 0");
        }
        return a / b;
    }

    private Tour() {}
}
