module egg_timer (
    input clk,
    input rst,
    input start,
    input stop,
    output running,
    output [3:0] left,
    output done
);
    // state: running_q, left_q and done_q, all 0 after reset
    // at each clock edge: done_q is 0, unless the time runs out at this edge
    //   not running: if start: run with left 9
    //   running: if stop: not running; else if left is 1: not running, left 0, done 1; else left - 1
    // outputs: the registers
    reg running_q, done_q;
    reg [3:0] left_q;

    always @(posedge clk) begin
        if (rst) begin
            running_q <= 1'b0;
            left_q <= 4'd0;
            done_q <= 1'b0;
        end else begin
            done_q <= 1'b0;
            if (!running_q) begin
                if (start) begin
                    running_q <= 1'b1;
                    left_q <= 4'd9;
                end
            end else if (stop)
                running_q <= 1'b0;
            else if (left_q == 4'd1) begin
                running_q <= 1'b0;
                left_q <= 4'd0;
                done_q <= 1'b1;
            end else
                left_q <= left_q - 4'd1;
        end
    end

    assign running = running_q;
    assign left = left_q;
    assign done = done_q;
endmodule
