// The standard library's guards around this library's locks: a class with lock(), try_lock() and
// unlock() is all that std::scoped_lock, std::unique_lock and std::shared_lock ask for.
#include <lowthread.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>

namespace {

// Throws what is wrong. An interrupt too, which so ends a wait as an exception.
void check(lt_status status) {
    if (status != LT_OK) {
        throw std::runtime_error(status < 0 ? lt_last_error() : lt_status_message(status));
    }
}

bool tried(lt_status status) { // LT_BUSY is an answer; what is negative is an error.
    check(status == LT_BUSY ? LT_OK : status);
    return status == LT_OK;
}

template <typename T, lt_status (*Free)(T *)> struct Freed {
    void operator()(T *handle) const { LT_IGNORE(Free(handle)); }
};

class RLock {
public:
    RLock() : handle_(lt_rlock_new()) { check(handle_ ? LT_OK : lt_last_status()); }
    void lock() { check(lt_rlock_acquire(handle_.get())); }
    bool try_lock() { return tried(lt_rlock_try_acquire(handle_.get())); }
    void unlock() { LT_IGNORE(lt_rlock_release(handle_.get())); } // A guard that unlocks holds it.

private:
    std::unique_ptr<lt_rlock, Freed<lt_rlock, lt_rlock_free>> handle_;
};

class RwLock {
public:
    RwLock() : handle_(lt_rwlock_new()) { check(handle_ ? LT_OK : lt_last_status()); }
    void lock() { check(lt_rwlock_write_acquire(handle_.get())); }
    bool try_lock() { return tried(lt_rwlock_try_write_acquire(handle_.get())); }
    void unlock() { LT_IGNORE(lt_rwlock_write_release(handle_.get())); }
    void lock_shared() { check(lt_rwlock_read_acquire(handle_.get())); }
    bool try_lock_shared() { return tried(lt_rwlock_try_read_acquire(handle_.get())); }
    void unlock_shared() { LT_IGNORE(lt_rwlock_read_release(handle_.get())); }

private:
    std::unique_ptr<lt_rwlock, Freed<lt_rwlock, lt_rwlock_free>> handle_;
};

struct Account {
    RLock lock;
    int balance = 100;

    void add(int amount) {
        std::lock_guard<RLock> guard(lock); // Again, where transfer() holds it already.
        if (balance + amount < 0) {
            throw std::runtime_error("not enough money");
        }
        balance += amount;
    }
};

void transfer(Account &from, Account &to, int amount) {
    std::scoped_lock guard(from.lock, to.lock); // Both, in whatever order, without a deadlock.
    from.add(-amount);
    to.add(amount);
}

struct Bank {
    Account a, b;
    RwLock audit; // Transfers share it; an audit has it alone.
};

void *move_money(void *arg) { // There and back again, and in the end more than there is.
    Bank &bank = *static_cast<Bank *>(arg);
    for (int i = 0; i < 1000; i++) {
        std::shared_lock<RwLock> guard(bank.audit);
        transfer(bank.a, bank.b, 1);
        transfer(bank.b, bank.a, 1);
    }
    std::shared_lock<RwLock> guard(bank.audit);
    transfer(bank.a, bank.b, 1000); // Throws, through three guards, into the task's future.
    return nullptr;
}

void promise(bool kept, const char *sentence) {
    if (!kept) {
        std::fprintf(stderr, "broken promise: %s; last error: %s\n", sentence, lt_last_error());
        std::exit(EXIT_FAILURE);
    }
}

} // namespace

int main() {
    enum { TASKS = 3 };
    Bank bank;
    std::unique_ptr<lt_pool, Freed<lt_pool, lt_pool_free>> pool(lt_pool_new(TASKS, "teller"));
    check(pool ? LT_OK : lt_last_status());
    lt_future *tasks[TASKS];
    for (lt_future *&task : tasks) {
        check(lt_pool_submit(pool.get(), move_money, &bank, &task));
    }
    for (int i = 0; i < 100; i++) {
        std::unique_lock<RwLock> guard(bank.audit);
        promise(bank.a.balance + bank.b.balance == 200, "no money is lost");
    }
    for (lt_future *task : tasks) {
        const lt_error_info *error = nullptr;
        promise(lt_future_result(task, nullptr) == LT_FAILED, "what a task throws, its future has");
        check(lt_future_error(task, &error));
        std::printf("%s: %s\n", error->type_name, error->message);
        check(lt_future_free(task));
    }
    promise(bank.a.lock.try_lock() && bank.audit.try_lock(), "every guard has let go");
    promise(bank.a.balance == 100 && bank.b.balance == 100, "the last transfer was not begun");
    return EXIT_SUCCESS;
}
