module metronome (
    input clk,
    input rst,
    input run,
    input [3:0] period,
    output beat,
    output [3:0] phase
);
    // state: phase_q and beat_q, both 0 after reset
    // at each clock edge: beat_q is 0, but 1 when phase_q goes back to 0
    //   if run: phase_q >= period: 0, else phase_q + 1
    // outputs: the registers
    reg [3:0] phase_q;
    reg beat_q;

    always @(posedge clk) begin
        if (rst) begin
            phase_q <= 4'd0;
            beat_q <= 1'b0;
        end else begin
            beat_q <= 1'b0;
            if (run) begin
                if (phase_q >= period) begin
                    phase_q <= 4'd0;
                    beat_q <= 1'b1;
                end else
                    phase_q <= phase_q + 4'd1;
            end
        end
    end

    assign beat = beat_q;
    assign phase = phase_q;
endmodule
