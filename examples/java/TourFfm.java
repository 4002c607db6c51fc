import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/**
 * lowthread from Java, by its foreign-function API (Java 22 and later), without another library. An upcall runs on
 * the thread that C calls on, which the JVM attaches for it. A call that waits holds up nobody: to the JVM the thread
 * is in native code. So Thread.interrupt() does not reach it: lt_interrupt() does.
 */
public final class TourFfm {
    static final int LT_OK = 0;
    static final int LT_FAILED = 7;

    static final Linker LINKER = Linker.nativeLinker();
    static final SymbolLookup LIBRARY = SymbolLookup.libraryLookup(
        System.getenv().getOrDefault("LOWTHREAD_LIBRARY", "liblowthread.so.0"), Arena.global());

    /** A function of the library's: what it returns, and what it takes. */
    static final class Function {
        private final MethodHandle handle;

        Function(String name, MemoryLayout result, MemoryLayout... parameters) {
            handle = LINKER.downcallHandle(LIBRARY.find(name).orElseThrow(), FunctionDescriptor.of(result, parameters));
        }

        Object call(Object... arguments) {
            try {
                return handle.invokeWithArguments(arguments);
            } catch (Throwable problem) {
                throw new AssertionError(problem);
            }
        }

        /** Errors throw; answers, such as LT_TIMED_OUT, are returned. */
        int check(Object... arguments) {
            int status = (int) call(arguments);
            if (status < 0) {
                throw new LowthreadException(text((MemorySegment) LAST_ERROR.call()));
            }
            return status;
        }
    }

    static final Function LAST_ERROR = new Function("lt_last_error", ADDRESS);
    static final Function STATUS_MESSAGE = new Function("lt_status_message", ADDRESS, JAVA_INT);
    static final Function GET_IDENT = new Function("lt_get_ident", JAVA_LONG);
    static final Function INTERRUPT = new Function("lt_interrupt", JAVA_INT, JAVA_LONG);
    static final Function FAIL = new Function("lt_fail", JAVA_INT, JAVA_INT, ADDRESS);
    static final Function POOL_NEW = new Function("lt_pool_new", ADDRESS, JAVA_INT, ADDRESS);
    static final Function POOL_SUBMIT = new Function("lt_pool_submit", JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS);
    static final Function POOL_FREE = new Function("lt_pool_free", JAVA_INT, ADDRESS);
    static final Function FUTURE_RESULT = new Function("lt_future_result", JAVA_INT, ADDRESS, ADDRESS);
    static final Function FUTURE_ERROR = new Function("lt_future_error", JAVA_INT, ADDRESS, ADDRESS);
    static final Function FUTURE_FREE = new Function("lt_future_free", JAVA_INT, ADDRESS);
    static final Function QUEUE_NEW = new Function("lt_queue_new", ADDRESS, JAVA_LONG);
    static final Function QUEUE_PUT = new Function("lt_queue_put", JAVA_INT, ADDRESS, ADDRESS);
    static final Function QUEUE_GET = new Function("lt_queue_get", JAVA_INT, ADDRESS, ADDRESS);
    static final Function QUEUE_GET_TIMEOUT =
        new Function("lt_queue_get_timeout", JAVA_INT, ADDRESS, JAVA_DOUBLE, ADDRESS);
    static final Function QUEUE_FREE = new Function("lt_queue_free", JAVA_INT, ADDRESS);
    static final Function ALLOCATE_LOCK = new Function("lt_allocate_lock", ADDRESS);
    static final Function LOCK_RELEASE = new Function("lt_lock_release", JAVA_INT, ADDRESS);
    static final Function LOCK_FREE = new Function("lt_lock_free", JAVA_INT, ADDRESS);

    /** lt_error_info; lowthread.json has the members of all structs. */
    static final MemoryLayout ERROR_INFO = MemoryLayout.structLayout(
        JAVA_LONG.withName("size"), JAVA_LONG.withName("ident"), ADDRESS.withName("thread_name"),
        JAVA_INT.withName("kind"), JAVA_INT.withName("code"), ADDRESS.withName("type_name"),
        ADDRESS.withName("message"), ADDRESS.withName("internal"));
    static final long MESSAGE = ERROR_INFO.byteOffset(MemoryLayout.PathElement.groupElement("message"));

    static final class LowthreadException extends RuntimeException {
        LowthreadException(String message) {
            super(message);
        }
    }

    /** A string of C's, whose length is not known beforehand. */
    static String text(MemorySegment string) {
        return string.reinterpret(Long.MAX_VALUE).getString(0);
    }

    /** A call on a worker of a pool. C gets a number, of which TASKS knows what it stands for. */
    static final class Task<T> {
        private static final Map<Long, Task<?>> TASKS = new ConcurrentHashMap<>();
        private static final AtomicLong NUMBERS = new AtomicLong();
        private static final MemorySegment RUN = upcall();

        private final Callable<T> callable;
        private final MemorySegment future;
        private T result;

        Task(MemorySegment pool, Callable<T> callable) {
            this.callable = callable;
            long number = NUMBERS.incrementAndGet();
            TASKS.put(number, this);
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment out = arena.allocate(ADDRESS);
                POOL_SUBMIT.check(pool, RUN, MemorySegment.ofAddress(number), out);
                future = out.get(ADDRESS, 0);
            }
        }

        /** One for all tasks, and never freed: a stub lasts as its arena does. */
        private static MemorySegment upcall() {
            try {
                MethodHandle run = MethodHandles.lookup().findStatic(
                    Task.class, "run", MethodType.methodType(MemorySegment.class, MemorySegment.class));
                return LINKER.upcallStub(run, FunctionDescriptor.of(ADDRESS, ADDRESS), Arena.global());
            } catch (ReflectiveOperationException problem) {
                throw new AssertionError(problem);
            }
        }

        /** No exception leaves an upcall, where it would end the JVM: the task fails with it. */
        private static MemorySegment run(MemorySegment number) {
            try {
                TASKS.remove(number.address()).call();
            } catch (Throwable problem) {
                try (Arena arena = Arena.ofConfined()) {
                    FAIL.call(1, arena.allocateFrom(String.valueOf(problem.getMessage())));
                }
            }
            return MemorySegment.NULL;
        }

        private void call() throws Exception {
            result = callable.call();
        }

        T get() {
            String message = null;
            if (FUTURE_RESULT.check(future, MemorySegment.NULL) == LT_FAILED) {
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment out = arena.allocate(ADDRESS);
                    FUTURE_ERROR.check(future, out);
                    message = text(out.get(ADDRESS, 0).reinterpret(ERROR_INFO.byteSize()).get(ADDRESS, MESSAGE));
                }
            }
            FUTURE_FREE.check(future);
            if (message != null) {
                throw new LowthreadException(message);
            }
            return result;
        }
    }

    static String statusMessage(int status) {
        return text((MemorySegment) STATUS_MESSAGE.call(status));
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
        MemorySegment pool = (MemorySegment) POOL_NEW.call(4, MemorySegment.NULL);
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
        MemorySegment queue = (MemorySegment) QUEUE_NEW.call(0L);
        MemorySegment item = Arena.global().allocate(ADDRESS);
        int status = QUEUE_GET_TIMEOUT.check(queue, 0.02, item);
        System.out.println("timed out: " + statusMessage(status));
        Task<Integer> echo = new Task<>(pool, () -> QUEUE_PUT.check(queue, MemorySegment.ofAddress(42)));
        QUEUE_GET.check(queue, item);
        if (item.get(ADDRESS, 0).address() != 42 || echo.get() != LT_OK) {
            throw new AssertionError("not what was put");
        }

        // A thread of Java's, ended by name in its wait.
        long[] ident = new long[1];
        int[] ended = new int[1];
        CountDownLatch told = new CountDownLatch(1);
        Thread waiter = new Thread(() -> {
            ident[0] = (long) GET_IDENT.call();
            told.countDown();
            ended[0] = QUEUE_GET.check(queue, item);
        });
        waiter.start();
        told.await();
        INTERRUPT.check(ident[0]);
        waiter.join();
        System.out.println("interrupted: " + statusMessage(ended[0]));

        failure("failed", () -> new Task<>(pool, () -> divide(84, 0)).get());
        MemorySegment lock = (MemorySegment) ALLOCATE_LOCK.call();
        failure("error", () -> LOCK_RELEASE.check(lock));

        LOCK_FREE.check(lock);
        POOL_FREE.check(pool);
        QUEUE_FREE.check(queue);
    }

    private static int divide(int a, int b) {
        if (b == 0) {
            throw new ArithmeticException(a + " cannot be divided by 0");
        }
        return a / b;
    }

    private TourFfm() {}
}
