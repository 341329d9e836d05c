# state: running, left and done, all 0 after reset
# at each clock edge: done is 0, unless the time runs out at this edge
#   not running: if start: run with left 9
#   running: if stop: not running; else if left is 1: not running, left 0, done 1; else left - 1
# outputs: the state
class Model:
    def reset(self):
        self.running = 0
        self.left = 0
        self.done = 0

    def outputs(self, i):
        return {"running": self.running, "left": self.left, "done": self.done}

    def tick(self, i):
        self.done = 0
        if not self.running:
            if i.start:
                self.running = 1
                self.left = 9
        elif i.stop:
            self.running = 0
        elif self.left == 1:
            self.running = 0
            self.left = 0
            self.done = 1
        else:
            self.left = self.left - 1
