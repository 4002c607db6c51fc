// Go's select. Its channels are for goroutines, so the loops are here, and C only starts them.
package main

import "C"

import (
	"sync/atomic"
	"time"
)

// SelectPairs puts an item into one of n channels and gets it by a select, so many times.
//
//export SelectPairs
func SelectPairs(turns C.long) {
	a, b := make(chan int, 1), make(chan int, 1)
	for i := C.long(0); i < turns; i++ {
		a <- int(i)
		select {
		case <-a:
		case <-b:
		}
	}
}

// SelectRoundTrips sends an item there and back between two goroutines, each of which gets by a select, for so many
// nanoseconds. It returns how often.
//
//export SelectRoundTrips
func SelectRoundTrips(nanoseconds C.long) C.long {
	there, back, never := make(chan int, 1), make(chan int, 1), make(chan int)
	done := make(chan bool)
	go func() {
		for {
			select {
			case item := <-there:
				if item == 0 {
					close(done)
					return
				}
				back <- item
			case <-never:
			}
		}
	}()
	var stop atomic.Bool
	time.AfterFunc(time.Duration(nanoseconds), func() { stop.Store(true) })
	turns := C.long(0)
	for !stop.Load() {
		there <- 1
		select {
		case <-back:
		case <-never:
		}
		turns++
	}
	there <- 0
	<-done
	return turns
}

func main() {}
