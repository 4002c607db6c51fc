// lowthread from Go, by cgo: a call that waits holds up its own thread, and Go starts another for the rest. A
// callback runs on the thread that C calls it on.
//
//	CGO_CFLAGS=-I.../include CGO_LDFLAGS=-llowthread go run tour.go
package main

/*
#include <lowthread.h>
#include <stdlib.h>

void *goTask(void *);

// Numbers, for which C has pointers. To Go a pointer that is none is a fault, wherever the collector or a stack that
// grows comes across it: so they stay numbers on that side.
static inline lt_status submit(lt_pool *pool, uintptr_t handle, lt_future **future) {
	return lt_pool_submit(pool, goTask, (void *)handle, future);
}
static inline lt_status put(lt_queue *queue, uintptr_t item) { return lt_queue_put(queue, (void *)item); }
static inline lt_status get(lt_queue *queue, double seconds, uintptr_t *item) {
	return lt_queue_get_timeout(queue, seconds, (void **)item);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/cgo"
	"unsafe"
)

// Status is an answer, or an error that Text explains.
type Status struct {
	Code C.lt_status
	Text string
}

func (s *Status) Error() string { return s.Text }

// check makes the call and asks for its error on the same thread: between two calls a goroutine may move to
// another one, whose last error is not this one's.
func check(call func() C.lt_status) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	switch status := call(); {
	case status == C.LT_OK:
		return nil
	case status < 0:
		return &Status{status, C.GoString(C.lt_last_error())}
	default:
		return &Status{status, C.GoString(C.lt_status_message(status))}
	}
}

func must(call func() C.lt_status) {
	if err := check(call); err != nil {
		panic(err)
	}
}

// Task is a call on a worker of a pool.
type Task struct {
	call   func() any
	result any
	self   cgo.Handle
	future *C.lt_future
}

//export goTask
func goTask(arg unsafe.Pointer) unsafe.Pointer {
	task := cgo.Handle(uintptr(arg)).Value().(*Task)
	// No panic crosses C: the task fails with it.
	defer func() {
		if problem := recover(); problem != nil {
			text := C.CString(fmt.Sprint(problem))
			defer C.free(unsafe.Pointer(text))
			must(func() C.lt_status { return C.lt_fail(1, text) })
		}
	}()
	task.result = task.call()
	return nil
}

func submit(pool *C.lt_pool, call func() any) *Task {
	task := &Task{call: call}
	task.self = cgo.NewHandle(task)
	must(func() C.lt_status { return C.submit(pool, C.uintptr_t(task.self), &task.future) })
	return task
}

// Result waits for the task: what it returned, or the error that it failed with.
func (t *Task) Result() (any, error) {
	defer t.self.Delete()
	defer must(func() C.lt_status { return C.lt_future_free(t.future) })
	err := check(func() C.lt_status { return C.lt_future_result(t.future, nil) })
	var status *Status
	if errors.As(err, &status) && status.Code == C.LT_FAILED {
		var info *C.lt_error_info
		must(func() C.lt_status { return C.lt_future_error(t.future, &info) })
		status.Text = C.GoString(info.message)
	}
	return t.result, err
}

func main() {
	pool := C.lt_pool_new(4, nil)
	var tasks []*Task
	for n := 1; n <= 4; n++ {
		n := n
		tasks = append(tasks, submit(pool, func() any { return n * n }))
	}
	fmt.Print("squares:")
	for _, task := range tasks {
		square, err := task.Result()
		if err != nil {
			panic(err)
		}
		fmt.Print(" ", square)
	}
	fmt.Println()

	// A queue between a goroutine and a thread of C's.
	queue := C.lt_queue_new(0)
	var item C.uintptr_t
	fmt.Println("timed out:", check(func() C.lt_status { return C.get(queue, 0.02, &item) }))
	echo := submit(pool, func() any {
		must(func() C.lt_status { return C.put(queue, 42) })
		return nil
	})
	must(func() C.lt_status { return C.get(queue, C.LT_FOREVER, &item) })
	if _, err := echo.Result(); err != nil || item != 42 {
		os.Exit(1)
	}

	// Who is to be interrupted stays on one thread, whose ident it tells. LockOSThread nests, so check() does no harm.
	idents, answers := make(chan C.lt_ident), make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		idents <- C.lt_get_ident()
		var item C.uintptr_t
		answers <- check(func() C.lt_status { return C.get(queue, C.LT_FOREVER, &item) })
	}()
	ident := <-idents
	must(func() C.lt_status { return C.lt_interrupt(ident) })
	fmt.Println("interrupted:", <-answers)

	_, err := submit(pool, func() any { panic("84 cannot be divided by 0") }).Result()
	fmt.Println("failed:", err)

	lock := C.lt_allocate_lock()
	fmt.Println("error:", check(func() C.lt_status { return C.lt_lock_release(lock) }))

	must(func() C.lt_status { return C.lt_lock_free(lock) })
	must(func() C.lt_status { return C.lt_pool_free(pool) })
	must(func() C.lt_status { return C.lt_queue_free(queue) })
}
