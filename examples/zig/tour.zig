// lowthread from Zig: @cImport reads lowthread.h itself. A Zig function with C's calling convention runs on any
// thread; an error of Zig's must not cross C, and neither may lt_exit() cross Zig's frames.
const std = @import("std");
const lt = @cImport(@cInclude("lowthread.h"));

const Error = error{Lowthread};

/// Errors are Zig's, with the sentence in the library; answers, such as LT_TIMED_OUT, are returned.
fn check(status: lt.lt_status) Error!lt.lt_status {
    return if (status < 0) error.Lowthread else status;
}

fn message(status: lt.lt_status) []const u8 {
    return std.mem.span(lt.lt_status_message(status));
}

/// A call on a worker of a pool: its arguments, and what becomes of it.
const Square = struct {
    n: u32,
    result: u32 = 0,

    fn run(arg: ?*anyopaque) callconv(.c) ?*anyopaque {
        const self: *Square = @ptrCast(@alignCast(arg.?));
        self.result = self.n * self.n;
        return self;
    }
};

fn divide(arg: ?*anyopaque) callconv(.c) ?*anyopaque {
    const divisor: *const u32 = @ptrCast(@alignCast(arg.?));
    const result = std.math.divExact(u32, 84, divisor.*) catch {
        _ = check(lt.lt_fail(1, "84 cannot be divided by 0")) catch unreachable;
        return null;
    };
    return @ptrFromInt(result);
}

/// A thread that hands what it gets from one queue to another, until it is interrupted.
const Relay = struct {
    from: *lt.lt_queue,
    to: *lt.lt_queue,
    ended: lt.lt_status = lt.LT_OK,

    fn run(arg: ?*anyopaque) callconv(.c) void {
        const self: *Relay = @ptrCast(@alignCast(arg.?));
        self.ended = while (true) {
            var item: ?*anyopaque = null;
            const status = lt.lt_queue_get(self.from, &item);
            if (status != lt.LT_OK) break status;
            _ = check(lt.lt_queue_put(self.to, item)) catch break lt.lt_last_status();
        };
    }
};

pub fn main() !void {
    var out = std.fs.File.stdout().writer(&.{});
    const stdout = &out.interface;

    const pool = lt.lt_pool_new(4, null) orelse return error.Lowthread;
    var squares = [_]Square{ .{ .n = 1 }, .{ .n = 2 }, .{ .n = 3 }, .{ .n = 4 } };
    var futures: [squares.len]?*lt.lt_future = undefined;
    for (&squares, &futures) |*square, *future| _ = try check(lt.lt_pool_submit(pool, Square.run, square, future));
    try stdout.writeAll("squares:");
    for (&squares, futures) |*square, future| {
        _ = try check(lt.lt_future_result(future, null));
        _ = try check(lt.lt_future_free(future));
        try stdout.print(" {d}", .{square.result});
    }
    try stdout.writeAll("\n");

    const there = lt.lt_queue_new(0) orelse return error.Lowthread;
    const back = lt.lt_queue_new(0) orelse return error.Lowthread;
    var item: ?*anyopaque = null;
    const late = try check(lt.lt_queue_get_timeout(back, 0.02, &item));
    try stdout.print("timed out: {s}\n", .{message(late)});

    var relay = Relay{ .from = there, .to = back };
    var thread: ?*lt.lt_thread = null;
    _ = try check(lt.lt_thread_start(Relay.run, &relay, null, &thread));
    _ = try check(lt.lt_queue_put(there, &relay));
    _ = try check(lt.lt_queue_get(back, &item));
    std.debug.assert(item == @as(*anyopaque, @ptrCast(&relay)));
    _ = try check(lt.lt_thread_interrupt(thread));
    _ = try check(lt.lt_thread_join(thread));
    _ = try check(lt.lt_thread_free(thread));
    try stdout.print("interrupted: {s}\n", .{message(relay.ended)});

    var divisor: u32 = 0;
    var future: ?*lt.lt_future = null;
    var info: ?*const lt.lt_error_info = null;
    _ = try check(lt.lt_pool_submit(pool, divide, &divisor, &future));
    if (try check(lt.lt_future_result(future, &item)) != lt.LT_FAILED) return error.Lowthread;
    _ = try check(lt.lt_future_error(future, @ptrCast(&info)));
    try stdout.print("failed: {s}\n", .{info.?.message});
    _ = try check(lt.lt_future_free(future));

    const lock = lt.lt_allocate_lock() orelse return error.Lowthread;
    _ = check(lt.lt_lock_release(lock)) catch try stdout.print("error: {s}\n", .{lt.lt_last_error()});

    _ = try check(lt.lt_lock_free(lock));
    _ = try check(lt.lt_pool_free(pool));
    _ = try check(lt.lt_queue_free(there));
    _ = try check(lt.lt_queue_free(back));
}
